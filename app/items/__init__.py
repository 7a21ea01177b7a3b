"""The catalogue: items, their permanent rows, bulk import."""
