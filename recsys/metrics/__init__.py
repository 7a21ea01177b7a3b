"""How good a ranking is. One metric a file; each works on the ranks that `rank` gives."""
