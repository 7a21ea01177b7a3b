"""From a dataset to tasks: one entry to every split, by its name on the command line."""

from recsys.datasets.interactions import Dataset
from recsys.splits.last_events import last_events
from recsys.splits.parts import task_of
from recsys.splits.records import records_of, target_type
from recsys.splits.settings import Settings
from recsys.task import Task

LAST = "last"
SPLITS = (LAST,)


def build_tasks(
    dataset: Dataset, split: str, seed: int, settings: Settings | None = None
) -> tuple[Task, ...]:
    """The tasks of a split."""
    chosen = settings or Settings()
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, not {split!r}")
    records = records_of(dataset)
    asked = target_type(dataset, chosen.target_type)
    parts = last_events(records, asked, chosen)
    return (task_of(dataset, records, parts, split, chosen.n_buckets),)


def build_task(dataset: Dataset, split: str, seed: int, settings: Settings | None = None) -> Task:
    """The task of a split that has one."""
    return build_tasks(dataset, split, seed, settings)[0]
