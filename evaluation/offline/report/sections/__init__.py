"""What the report says, part by part; each part is left out where the evaluation lacks it."""
