"""The baselines by name. Each loads what it needs (torch, `implicit`, scipy) when asked for."""

from collections.abc import Callable

from recsys.recommender import Recommender


def _popular() -> Recommender:
    from recsys.baselines.popular import Popular

    return Popular()


def _item_knn() -> Recommender:
    from recsys.baselines.item_knn import ItemKnn

    return ItemKnn()


def _ease() -> Recommender:
    from recsys.baselines.ease import Ease

    return Ease()


def _ials() -> Recommender:
    from recsys.baselines.ials import Ials

    return Ials()


def _sasrec() -> Recommender:
    from recsys.baselines.sasrec import SasRec

    return SasRec()


def _fedmf() -> Recommender:
    from recsys.baselines.fedmf import FedMF

    return FedMF()


def _pfedrec() -> Recommender:
    from recsys.baselines.pfedrec import PFedRec

    return PFedRec()


def _pfedrec_leaky() -> Recommender:
    from recsys.baselines.pfedrec import PFedRec

    return PFedRec("pfedrec-leaky", "touched")


_MAKERS: dict[str, Callable[[], Recommender]] = {
    "popular": _popular,
    "item-knn": _item_knn,
    "ease": _ease,
    "ials": _ials,
    "sasrec": _sasrec,
    "fedmf": _fedmf,
    "pfedrec": _pfedrec,
    "pfedrec-leaky": _pfedrec_leaky,
}
NAMES = tuple(_MAKERS)


def named(name: str) -> Recommender:
    """The baseline of that name, untrained. KeyError names those that exist."""
    if name not in _MAKERS:
        raise KeyError(f"no baseline {name!r}: there are {', '.join(NAMES)}")
    return _MAKERS[name]()
