"""What hosted users do with items."""
