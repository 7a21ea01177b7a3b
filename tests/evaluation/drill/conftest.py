"""A cache server for rehearsals."""

from collections.abc import Iterator

import pytest

from app.cache.embedded import EmbeddedRedis


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the module's own: a rehearsal empties it."""
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.stop()
