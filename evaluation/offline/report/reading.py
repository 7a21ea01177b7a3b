"""Reading a summary: which model it is about, which are compared, which can be believed."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.offline.report.formats import known
from evaluation.offline.report.labels import MAIN

Summary = Mapping[str, Any]
QUALITY = "ndcg@10"


def models(summary: Summary) -> Sequence[Mapping[str, Any]]:
    """The models that were run, in the order of the table."""
    return summary.get("models") or []


def main_model(summary: Summary) -> str | None:
    """The model that the report is about: Twofold, or else the best one."""
    names = [model["name"] for model in models(summary)]
    if summary.get("main") in names:
        return str(summary["main"])
    if MAIN in names or not names:
        return MAIN if names else None
    return str(max(models(summary), key=quality)["name"])


def quality(model: Mapping[str, Any]) -> float:
    """Mean NDCG@10; minus infinity where it was not measured."""
    mean = model.get("metrics", {}).get(QUALITY, {}).get("mean")
    return float(mean) if known(mean) else float("-inf")


def tripped(summary: Summary) -> list[str]:
    """Models for which the canary is outside its noise."""
    canary = summary.get("canary") or {}
    return [name for name, one in canary.items() if one and one.get("within_two") is False]


def rivals(summary: Summary) -> list[Mapping[str, Any]]:
    """The other models that can be believed, best first."""
    out = {main_model(summary), *tripped(summary)}
    return sorted((m for m in models(summary) if m["name"] not in out), key=quality, reverse=True)


def ratios(summary: Summary, metric: str = QUALITY) -> list[Mapping[str, Any]]:
    """Ratios of the main model to the others, by one metric, in the order of the table."""
    main = main_model(summary)
    found = summary.get("ratios") or []
    return [r for r in found if r.get("of") == main and r.get("metric", QUALITY) == metric]


def style_of(summary: Summary, name: str) -> str:
    """The class that gives a model its colour: the main one and those that leak
    have their own, the others go round."""
    main = main_model(summary)
    if name in tripped(summary):
        return "tripped"
    if name == main:
        return "main"
    if name.partition("/")[0] == main:
        return "shared"
    others = [model["name"] for model in models(summary) if model["name"] != main]
    return f"other-{others.index(name) % 8 + 1}" if name in others else "plain"
