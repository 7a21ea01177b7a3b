"""What must not be lost: SQLite or Postgres, and the blob directory."""
