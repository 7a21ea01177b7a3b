"""The formats that a user's data may have, by the name that the command line has for each."""

from collections.abc import Callable, Mapping
from pathlib import Path

from recsys.datasets import baskets, events_csv, movielens, sequences
from recsys.datasets.interactions import Dataset

LOADERS: Mapping[str, Callable[[Path], Dataset]] = {
    "movielens": movielens.load,
    "events-csv": events_csv.load,
    "sequences": sequences.load,
    "beibei": baskets.load,
}
FORMATS = tuple(LOADERS)


def load(path: Path, format: str, offered: tuple[str, ...] = FORMATS) -> Dataset:
    """The dataset at `path`.

    offered: the formats that the caller takes
    ValueError on a format that is none of them, on a file that is missing or cannot be opened, and
    on what cannot be read (with file and line).
    """
    if format not in offered:
        raise ValueError(f"format must be one of {', '.join(offered)}")
    try:
        return LOADERS[format](path)
    except OSError as error:
        raise ValueError(f"{error.filename}: {error.strerror}") from error
