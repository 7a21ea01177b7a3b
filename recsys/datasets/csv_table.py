"""A CSV file whose columns are found by name, read so that every complaint names its place.

UTF-8 with or without a byte order mark, comma separated, first line the header. Header names are
compared without case and outer blanks; columns nobody asks for are ignored.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

# The service refuses longer ids; a file is told so when it is read, not when it is sent.
ID_BYTES_MAX = 128

# For each field of ours the column names that are accepted, most wanted first.
Columns = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. `line` is its last line number in the file, the header being line 1."""

    file: Path
    line: int
    header: Mapping[str, str]  # field of ours -> the file's own column name
    values: Mapping[str, str]  # field of ours -> text without outer blanks

    def text(self, field: str) -> str:
        """The field's text, empty where the file has no such column."""
        return self.values.get(field, "")

    def id(self, field: str) -> str:
        """The field as an id: 1 to 128 bytes of UTF-8. ValueError otherwise."""
        value = self.text(field)
        if not value:
            self.refuse(field, "is empty")
        if len(value.encode()) > ID_BYTES_MAX:
            self.refuse(field, f"is longer than {ID_BYTES_MAX} bytes")
        return value

    def refuse(self, field: str, problem: str) -> NoReturn:
        """Raise the ValueError that names file, line and column."""
        column = self.header.get(field, field)
        raise ValueError(f"{self.file} line {self.line}, column {column!r}: {problem}")


def read_table(file: Path, columns: Columns, required: Sequence[str]) -> Iterator[Row]:
    """Rows of `file` with the fields that its header offers; blank lines are skipped.

    Where several columns fit one field, the name that comes first in `columns` wins. ValueError
    names file and line on text that is not UTF-8 or not CSV, on a header that lacks a required
    field or repeats a column, and on a line with more or fewer values than the header.
    """
    reader = csv.reader(_decoded_lines(file), strict=True)
    try:
        names = [name.strip().casefold() for name in next(reader, [])]
        places = _places(file, names, columns, required)
        header = {field: names[place] for field, place in places.items()}
        for values in reader:
            if not values:
                continue
            if len(values) != len(names):
                problem = f"{len(values)} values, the header has {len(names)}"
                raise ValueError(f"{file} line {reader.line_num}: {problem}")
            texts = {field: values[place].strip() for field, place in places.items()}
            yield Row(file, reader.line_num, header, texts)
    except csv.Error as error:
        raise ValueError(f"{file} line {reader.line_num}: {error}") from error


def _places(
    file: Path, names: list[str], columns: Columns, required: Sequence[str]
) -> dict[str, int]:
    """Field of ours -> position of its column in the header."""
    places: dict[str, int] = {}
    for field, accepted in columns.items():
        name = next((name for name in accepted if name in names), None)
        if name is not None and names.count(name) > 1:
            raise ValueError(f"{file} line 1: two columns are called {name!r}")
        if name is not None:
            places[field] = names.index(name)
        elif field in required:
            wanted = ", ".join(accepted)
            raise ValueError(f"{file} line 1: no column for the {field} (one of {wanted})")
    return places


def _decoded_lines(file: Path) -> Iterator[str]:
    # Decoded line by line, since a text file's own decoder cannot say in which line it failed.
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(f"{file} line {number}: not UTF-8 text") from error
