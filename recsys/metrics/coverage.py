"""Catalogue coverage: the share of items that are shown to anybody.

Ge, Delgado-Battenfeld and Jannach 2010, https://doi.org/10.1145/1864708.1864761. It grows with the
number of lists, so it compares models on the same questions and nothing else.
"""

from recsys.arrays import Floats


def coverage(exposure: Floats) -> float:
    """Items with any exposure / items, in [0, 1]. exposure: (n_items,) from `exposure.exposure`.

    ValueError on an empty catalogue.
    """
    if not exposure.size:
        raise ValueError("an empty catalogue has no coverage")
    return float((exposure > 0).mean())
