"""Who serves it: FastAPI, SQLAlchemy and Redis. The only place that awaits. One folder per feature."""
