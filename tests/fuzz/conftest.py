"""The service that is fuzzed, once on each store."""

from collections.abc import Iterator

import pytest

from evaluation.demo.service_process import ServiceProcess
from tests.app.conftest import SECRET, postgres_databases, sqlite_databases

__all__ = ["postgres_databases", "sqlite_databases"]

SETTINGS = {
    "TWOFOLD_ROUND_ENABLED": "false",
    "TWOFOLD_DIM": "8",
    # Generated requests are many, and not all of them have a credential.
    "TWOFOLD_LIMIT_SERVER_PER_S": "0",
    "TWOFOLD_LIMIT_FAILURES_PER_S": "0",
}


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """`twofold serve` as it comes."""
    process = ServiceProcess(tmp_path_factory.mktemp("sqlite"), SETTINGS)
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def on_postgres(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[ServiceProcess]:
    """`twofold serve` on a real Postgres."""
    folder = tmp_path_factory.mktemp("postgres")
    databases = request.getfixturevalue("postgres_databases")
    url = databases.copy(databases.migrated, folder)
    own = {"TWOFOLD_DATABASE_URL": url, "TWOFOLD_SECRET": SECRET}
    process = ServiceProcess(folder, SETTINGS | own)
    process.start()
    yield process
    process.stop()
    databases.drop(url)
