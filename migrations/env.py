"""Alembic's entry: runs on the connection that `app.store.migrate` hands over, or on a URL."""

from alembic import context
from sqlalchemy import Connection, create_engine

from app.store.tables import metadata


def run(connection: Connection) -> None:
    """Run the migrations in one transaction. Batch mode: SQLite alters tables by copying them."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    url = context.config.get_main_option("sqlalchemy.url")
    assert url is not None, "set sqlalchemy.url, or run `twofold migrate`"
    with create_engine(url).connect() as opened:
        run(opened)
