"""The coordinator: one process that opens, closes, reduces, gates and publishes rounds."""
