"""The report of an evaluation: one Markdown file and one HTML page that needs nothing else."""
