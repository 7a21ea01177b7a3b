"""A text file with one line per user: the user's id, then item ids, blanks between."""

from collections.abc import Iterator
from pathlib import Path

from recsys.datasets.csv_table import ID_BYTES_MAX

_UTF8_BOM = b"\xef\xbb\xbf"


def read_id_lists(file: Path) -> Iterator[tuple[int, str, list[str]]]:
    """(line number, user, items) for each line; blank lines are skipped.

    ValueError names file and line on text that is not UTF-8, an id above 128 bytes and a user who
    has a second line; FileNotFoundError a missing file.
    """
    seen: set[str] = set()
    for number, line in enumerate(_lines(file), start=1):
        ids = _decoded(file, number, line).split()
        if not ids:
            continue
        if any(len(id.encode()) > ID_BYTES_MAX for id in ids):
            raise ValueError(f"{file} line {number}: an id is longer than {ID_BYTES_MAX} bytes")
        user, *items = ids
        if user in seen:
            raise ValueError(f"{file} line {number}: user {user!r} has a second line")
        seen.add(user)
        yield number, user, items


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines):
            yield line if number else line.removeprefix(_UTF8_BOM)


def _decoded(file: Path, number: int, line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} line {number}: not UTF-8 text") from error
