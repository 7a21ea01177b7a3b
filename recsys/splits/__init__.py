"""How a dataset becomes a task: what is held out, who is asked, what is left to learn from."""

from recsys.splits.build import SPLITS, build_task, build_tasks
from recsys.splits.hold_out import MIN_HISTORY, HoldOut, hold_out_last
from recsys.splits.settings import ANY_EVENT, Settings

__all__ = [
    "ANY_EVENT",
    "MIN_HISTORY",
    "SPLITS",
    "HoldOut",
    "Settings",
    "build_task",
    "build_tasks",
    "hold_out_last",
]
