"""Who serves it: FastAPI, SQLAlchemy, Redis. The only place that awaits; one folder per feature."""
