"""Alembic migrations, for SQLite and Postgres alike."""

NEWEST = "0001"
