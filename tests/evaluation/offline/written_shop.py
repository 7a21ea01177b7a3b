"""A small made-up shop as the CSV file that a data scientist would have."""

from pathlib import Path

from recsys.datasets import sample_shop

N_SHOPPERS = 43  # no multiple of five: folds differ in size


def write_shop(folder: Path) -> Path:
    """`events.csv` in the folder, by time; returns the folder."""
    shop = sample_shop.generate(seed=3, n_items=260, n_shoppers=N_SHOPPERS)
    events = [(e.at, user, e) for user, history in shop.histories.items() for e in history]
    events.sort(key=lambda one: one[0])
    lines = [f"{user},{e.item_id},{e.type},{at}" for at, user, e in events]
    (folder / "events.csv").write_text("\n".join(["user,item,type,time", *lines]) + "\n")
    return folder
