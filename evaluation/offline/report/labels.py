"""What models and metrics are called in the report. Unknown names stand as they are."""

MAIN = "twofold"

MODELS = {
    "twofold": "Twofold",
    "popular": "Popularity",
    "item-knn": "Item kNN",
    "ease": "EASE",
    "ials": "iALS",
    "sasrec": "SASRec",
    "fedmf": "FedMF",
    "pfedrec": "PFedRec",
    "pfedrec-leaky": "PFedRec (leaky)",
    "shared": "shared tower",
    "calibrated": "calibrated",
}
METRICS = {
    "mrr": "MRR",
    "coverage": "Coverage",
    "novelty": "Novelty",
    "gini": "Gini of exposure",
    "percentile": "Percentile",
}
UPPER = ("hr", "ndcg", "mrr")
SPLITS = {
    "last": "the last event of each user",
    "last_by_time": "the last event of each user",
    "time": "events after a global cut in time",
    "global_time": "events after a global cut in time",
    "unseen_users": "users who took part in no training round",
    "unseen-users": "users who took part in no training round",
    "cold_items": "items that were never trained",
    "cold-items": "items that were never trained",
}


def model_label(name: str) -> str:
    """Twofold, EASE, "Twofold, shared tower" for `twofold/shared`."""
    if name in MODELS:
        return MODELS[name]
    base, slash, beside = name.partition("/")
    return f"{model_label(base)}, {MODELS.get(beside, beside)}" if slash else name


def metric_label(name: str) -> str:
    """NDCG@10, HR@10, Recall@10, Sampled HR@10."""
    if name in METRICS:
        return METRICS[name]
    base, at, k = name.replace("_", " ").partition("@")
    words = [w.upper() if w in UPPER else w for w in base.split()]
    label = " ".join(words)
    return label[:1].upper() + label[1:] + at + k


def split_label(name: str) -> str:
    """What was held out, in words."""
    return SPLITS.get(name, name)
