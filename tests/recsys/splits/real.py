"""The public datasets and their tasks, each made once for all tests of a process."""

from functools import cache
from pathlib import Path

from recsys.datasets import formats
from recsys.datasets.interactions import Dataset
from recsys.splits import build_tasks
from recsys.task import Task

PLACES = {
    "ml-100k": ("movielens", "ml-100k"),
    "amazon-beauty": ("sequences", "amazon-beauty"),
    "beibei": ("beibei", "beibei/ghcf"),
}


@cache
def real(data_root: Path, name: str) -> Dataset:
    """The dataset in its folder of `data_root`."""
    format, folder = PLACES[name]
    return formats.load(data_root / folder, format)


@cache
def real_tasks(data_root: Path, name: str, split: str) -> tuple[Task, ...]:
    """Its tasks by a split, with default settings and seed 0."""
    return build_tasks(real(data_root, name), split, 0)
