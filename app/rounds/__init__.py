"""Rounds as devices see them: check-in, upload, receipt; and read-only views of them."""
