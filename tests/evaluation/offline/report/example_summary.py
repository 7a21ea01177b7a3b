"""A made-up summary of the size and shape of a real one: invented figures, no real data."""

from typing import Any

import numpy as np

LEVELS = {
    "twofold": (0.1432, 0.252, 41.0),
    "popular": (0.0431, 0.087, 0.3),
    "item-knn": (0.0712, 0.141, 1.9),
    "ease": (0.0868, 0.167, 2.7),
    "ials": (0.0829, 0.159, 14.0),
    "sasrec": (0.1187, 0.214, 611.0),
    "fedmf": (0.0507, 0.102, 95.0),
    "pfedrec": (0.0489, 0.098, 1980.0),
    "pfedrec-leaky": (0.3105, 0.571, 2010.0),
}
TRAINED = {"twofold": 400, "sasrec": 120, "fedmf": 200, "pfedrec": 100, "pfedrec-leaky": 100}
SEEDS = (1, 2, 3)
N_USERS = 943
RANK_EDGES = [1, 2, 3, 4, 5, 6, 8, 11, 16, 21, 31, 51, 76, 101, 201, 501, 1001, 1683]


def example_summary() -> dict[str, Any]:
    """Every part that a report can have."""
    rng = np.random.default_rng(7)
    return {
        "data": {
            "name": "made-up-100k",
            "n_users": N_USERS,
            "n_items": 1682,
            "n_events": 98_114,
            "n_questions": N_USERS,
            "n_people_asked": N_USERS,
            "n_candidates": 1682,
            "n_nulls": 5,
        },
        "split": "leave-last-out by time",
        "command": "twofold evaluate --data DIR --format movielens --seeds 3 --report out/",
        "facts": {"threads": 2, "version": "0.1.0"},
        "bootstrap": {"n": 2000, "seed": 0, "level": 0.95, "over": "people"},
        "main": "twofold",
        "models": [_model(name, rng) for name in LEVELS],
        "ratios": [
            _ratio("twofold", name, place)
            for place in (0, 1)
            for name in LEVELS
            if name != "twofold"
        ],
        "chance": {"ndcg@10": 0.0027, "hr@10": 0.0059, "recall@10": 0.0059},
        "canary": {name: _canary(name, rng) for name in LEVELS},
        "fairness": {
            "age": _grouping(
                {"under 25": 0.131, "25 to 34": 0.149, "35 to 49": 0.144, "50 and over": 0.127}
            ),
            "gender": _grouping({"F": 0.138, "M": 0.146}),
            "history_length": _grouping({"short": 0.158, "middle": 0.146, "long": 0.121}),
        },
        "exposure": {"groups": _exposure()},
        "adaptation": _adaptation(rng),
        "by_history_length": _groups(
            {"3 to 30": 1.12, "31 to 80": 1.04, "81 to 200": 0.97, "over 200": 0.83}
        ),
        "by_item_popularity": _groups(
            {"top 1 %": 2.3, "next 9 %": 1.21, "next 40 %": 0.52, "rest": 0.2}
        ),
    }


def spread(mean: float, width: float = 0.18) -> dict[str, float]:
    """A metric with an interval about it."""
    return {
        "mean": mean,
        "std": 0.01 * mean,
        "low": mean * (1 - width / 2),
        "high": mean * (1 + width / 2),
    }


def _model(name: str, rng: np.random.Generator) -> dict[str, Any]:
    ndcg, hits, cpu_s = LEVELS[name]
    beside = {"shared": _metrics(0.1245, 0.223)} if name == "twofold" else {}
    return {
        "name": name,
        "metrics": _metrics(ndcg, hits),
        "beside": beside,
        "seeds": [
            {
                "seed": seed,
                "chosen": _chosen(name, seed),
                "curve": _curve(name, rng),
                "cpu_s": cpu_s * rng.uniform(0.9, 1.1),
                "ndcg@10": ndcg * rng.uniform(0.98, 1.02),
                "hr@10": hits * rng.uniform(0.98, 1.02),
            }
            for seed in SEEDS
        ],
        "rank_histogram": _ranks(hits),
    }


def _metrics(ndcg: float, hits: float) -> dict[str, Any]:
    return {
        "ndcg@10": spread(ndcg),
        "hr@10": spread(hits, 0.15),
        "ndcg@20": spread(ndcg * 1.2),
        "hr@20": spread(min(hits * 1.5, 0.9), 0.12),
        "recall@10": spread(hits, 0.15),
        "mrr@10": spread(ndcg * 0.82),
        "novelty@10": spread(8.2 + 4 * hits, 0.02),
        "coverage@10": _without_interval(0.1 + hits),
        "gini@10": _without_interval(0.97 - hits),
        "sampled_hr@10": spread(min(hits * 2.9, 0.95), 0.05),
        "sampled_ndcg@10": spread(min(hits * 1.7, 0.9), 0.05),
    }


def _without_interval(mean: float) -> dict[str, float | None]:
    return {"mean": mean, "low": None, "high": None, "std": 0.004}


def _chosen(name: str, seed: int) -> dict[str, Any]:
    if name == "ease":
        return {"l2": 300.0}
    return (
        {"round": TRAINED[name] * 3 // 4 + 5 * seed, "learning_rate": 0.01}
        if name in TRAINED
        else {}
    )


def _curve(name: str, rng: np.random.Generator) -> list[list[float]]:
    if name not in TRAINED:
        return []
    rounds = np.linspace(0, TRAINED[name], 41)
    rise = 1 - np.exp(-5 * rounds / TRAINED[name])
    fall = 1 - 0.08 * (rounds / TRAINED[name]) ** 2
    values = LEVELS[name][0] * (0.1 + 0.95 * rise) * fall + rng.normal(0, 0.0015, rounds.size)
    return [[float(r), float(max(v, 0))] for r, v in zip(rounds, values, strict=True)]


def _ranks(hits: float) -> dict[str, Any]:
    """Shares that rise with the logarithm of the rank and go through the hit rate at ten."""
    ends = np.log(np.array(RANK_EDGES[1:], float)) / np.log(1683)
    bend = np.log(hits) / np.log(np.log(11) / np.log(1683))
    shares = np.diff(ends**bend, prepend=0.0)
    return {"edges": RANK_EDGES, "counts": [round(3 * N_USERS * float(s)) for s in shares]}


def _ratio(of: str, to: str, place: int) -> dict[str, Any]:
    mean = LEVELS[of][place] / LEVELS[to][place]
    return {
        "of": of,
        "to": to,
        "metric": ("ndcg@10", "hr@10")[place],
        "mean": mean,
        "low": mean * 0.9,
        "high": mean * 1.12,
    }


def _canary(name: str, rng: np.random.Generator) -> dict[str, Any]:
    leaky = name == "pfedrec-leaky"
    percentile = 0.83 if leaky else 0.5 + float(rng.uniform(-0.004, 0.004))
    return {
        "percentile": percentile,
        "standard_error": 0.0031,
        "within_two": not leaky,
        "sampled_hr": 0.61 if leaky else 0.1 + float(rng.uniform(-0.01, 0.01)),
        "sampled_hr_se": 0.006,
        "sampled_chance": 0.1,
        "z": 0.4,
    }


def _grouping(levels: dict[str, float]) -> dict[str, Any]:
    sizes = [240, 310, 214, 96]
    groups = [
        {
            "name": name,
            "n": n,
            "small": n < 150,
            "ndcg@10": spread(level, 0.3),
            "hr@10": spread(level * 1.7, 0.25),
            "gain": spread(0.24 - 1.5 * level, 1.6),
        }
        for (name, level), n in zip(levels.items(), sizes, strict=False)
    ]
    large = {
        name: level for (name, level), n in zip(levels.items(), sizes, strict=False) if n >= 150
    }
    worst = min(large, key=lambda name: large[name])
    gap = max(large.values()) - large[worst]
    return {"groups": groups, **_gap(gap, worst), "models": {"ease": _gap(1.2 * gap, worst)}}


def _gap(gap: float, worst: str) -> dict[str, Any]:
    return {
        "gap": {"mean": gap, "low": gap - 0.014, "high": gap + 0.014},
        "shortfall": {"mean": gap / 2, "low": gap / 2 - 0.007, "high": gap / 2 + 0.007},
        "worst": {"name": worst, **spread(0.12)},
    }


def _groups(factors: dict[str, float]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "n": 300 - 40 * i,
            "models": {m: {"ndcg@10": spread(level[0] * f, 0.3)} for m, level in LEVELS.items()},
        }
        for i, (name, f) in enumerate(factors.items())
    ]


def _exposure() -> list[dict[str, Any]]:
    parts = (
        ("top 1 %", 17, 0.11, 0.8),
        ("next 9 %", 151, 0.42, 0.9),
        ("next 40 %", 673, 0.42, 1.1),
        ("rest", 841, 0.05, 1.3),
    )
    return [
        {
            "name": name,
            "items": n,
            "train_share": share,
            "target_share": share * (0.6 + 0.4 * tilt),
            "slots": {
                "twofold": share * tilt,
                "ease": share * (2.2 - tilt),
                "sasrec": share * (1.9 - tilt),
                "popular": float(name == "top 1 %"),
            },
        }
        for name, n, share, tilt in parts
    ]


def _adaptation(rng: np.random.Generator) -> dict[str, Any]:
    gains = rng.normal(0.18, 0.35, 3 * N_USERS) + rng.exponential(0.1, 3 * N_USERS)
    counts, edges = np.histogram(np.clip(gains, -1.2, 1.2), bins=50, range=(-1.2, 1.2))
    losers, loss, gain = (gains < 0).mean(), gains[gains < 0].mean(), gains[gains > 0].mean()
    parts = {
        "losers": spread(float(losers), 0.1),
        "mean_loss": {"mean": float(loss), "low": float(1.1 * loss), "high": float(0.9 * loss)},
        "mean_gain": spread(float(gain), 0.1),
    }
    lengths = {"3 to 21": 0.05, "22 to 54": 0.16, "55 to 120": 0.3, "121 to 716": 0.52}
    return {
        "model": "twofold",
        **{key: value["mean"] for key, value in parts.items()},
        "lift": {"mean": 0.15, "low": 0.11, "high": 0.19},
        "gain_in_nats": spread(float(gains.mean()), 0.1),
        "intervals": parts,
        "quantiles": {
            f"{q:g}": float(np.quantile(gains, q)) for q in (0.05, 0.25, 0.5, 0.75, 0.95)
        },
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        "by_history_length": [
            {"name": name, "n": 236, **parts, "gain_in_nats": spread(mean, 0.3)}
            for name, mean in lengths.items()
        ],
    }
