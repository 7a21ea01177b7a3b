"""Users: their privacy mode, their history while it is hosted, their erasure."""
