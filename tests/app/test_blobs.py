"""Blobs: durable under their name, content-addressed, and nothing half-written stays."""

import os
from pathlib import Path

import pytest

from app.store.blobs import BlobStore, digest_of


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden"])
def test_a_name_that_is_a_path_is_refused(blobs: BlobStore, name: str) -> None:
    with pytest.raises(ValueError, match="not a blob name"):
        blobs.put("updates", name, b"x")


def test_content_is_found_by_its_digest(blobs: BlobStore) -> None:
    name = blobs.put_content("shards", b"rows")
    assert name == digest_of(b"rows")
    assert blobs.put_content("shards", b"rows") == name
    assert (blobs.get("shards", name), blobs.names("shards")) == (b"rows", [name])
    blobs.delete("shards", name)
    assert blobs.get("shards", name) is None


def test_a_write_that_fails_leaves_nothing(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        blobs.put("updates", "one", b"x")
    assert list((blobs.root / "updates").iterdir()) == []


def test_what_killed_writers_left_is_forgotten(blobs: BlobStore) -> None:
    blobs.put("updates", "whole", b"x")
    for name, at in ((".put-old", 100.0), (".put-new", 300.0)):
        path = blobs.root / "updates" / name
        path.write_bytes(b"half")
        os.utime(path, (at, at))
    assert blobs.forget_unfinished(before=200.0) == 1
    assert sorted(p.name for p in (blobs.root / "updates").iterdir()) == [".put-new", "whole"]
