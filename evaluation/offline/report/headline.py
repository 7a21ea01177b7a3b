"""The result in words. No verdict is given that the numbers do not carry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluation.offline.report.formats import (
    NO_BREAK,
    decimal,
    has_interval,
    known,
    percent,
    ratio,
    ratio_interval,
)
from evaluation.offline.report.labels import model_label
from evaluation.offline.report.reading import (
    QUALITY,
    Summary,
    main_model,
    models,
    ratios,
    rivals,
    tripped,
)


@dataclass(frozen=True)
class Headline:
    """title: the result in one sentence; sentences: what it rests on; sound: nothing is amiss."""

    title: str
    sentences: tuple[str, ...]
    sound: bool


def headline(summary: Summary) -> Headline:
    """The main model against the best other one whose canary is quiet."""
    main = main_model(summary)
    if main is None:
        return Headline("No model was evaluated", (), False)
    rival = _rival(summary)
    said = (_against(rival), _levels(summary, rival), _others(summary, rival), _canary(summary))
    sentences = tuple(sentence for sentence in said if sentence)
    bad = main in tripped(summary)
    title = _title(summary, main, rival)
    return Headline(
        f"No verdict: the canary trips for {model_label(main)}" if bad else title,
        sentences,
        not bad,
    )


def verdict(one: Mapping[str, Any]) -> int:
    """1: above 1 with its whole interval, -1: below, 0: cannot be said."""
    if not has_interval(one):
        return 0
    return int(one["low"] > 1) - int(one["high"] < 1)


def _rival(summary: Summary) -> Mapping[str, Any] | None:
    """The ratio to the best model that can be believed; none to one that finds nothing at all."""
    by_name = {one["to"]: one for one in ratios(summary) if known(one["mean"])}
    return next((by_name[m["name"]] for m in rivals(summary) if m["name"] in by_name), None)


def _title(summary: Summary, main: str, rival: Mapping[str, Any] | None) -> str:
    name = model_label(main)
    if rival is None:
        hits = _metric(summary, main, "hr@10")
        if not known(hits):
            return f"{name}: NDCG@10 {decimal(_metric(summary, main, QUALITY), 3)}"
        return f"{name} has the held-out item among its first ten in {percent(hits)} of the cases"
    other = model_label(rival["to"])
    if verdict(rival) == 0:
        return f"{name} and {other} cannot be told apart"
    times = ratio(rival["mean"])
    only = "only " if verdict(rival) < 0 else ""
    return f"{name} ranks the held-out item {only}{times} times as well as {other}"


def _against(rival: Mapping[str, Any] | None) -> str:
    if rival is None:
        return ""
    interval = ratio_interval(rival)
    crossing = {
        1: "the whole interval lies above 1",
        -1: "the whole interval lies below 1",
        0: "the interval holds 1, so there is no verdict",
    }[verdict(rival) if has_interval(rival) else 0]
    if not has_interval(rival):
        crossing = "without an interval there is no verdict"
    return (
        f"Ratio of mean NDCG@10 to {model_label(rival['to'])}, the best of the others that can be "
        f"believed: {interval} (95{NO_BREAK}% interval, paired by user); {crossing}."
    )


def _levels(summary: Summary, rival: Mapping[str, Any] | None) -> str:
    main = main_model(summary)
    names = [main, rival["to"]] if rival else [main]
    said = []
    for name in names:
        value = _metric(summary, str(name), QUALITY)
        hits = _metric(summary, str(name), "hr@10")
        if known(value) and known(hits):
            said.append(f"{model_label(str(name))} {decimal(value, 3)} and {percent(hits)}")
    return f"NDCG@10 and HR@10: {', '.join(said)}." if said else ""


def _others(summary: Summary, rival: Mapping[str, Any] | None) -> str:
    by_name = {r["to"]: r for r in ratios(summary)}
    names = [m["name"] for m in rivals(summary) if rival and m["name"] != rival["to"]]
    said = [f"{model_label(n)} {ratio_interval(by_name[n])}" for n in names if n in by_name]
    return f"To the rest: {', '.join(said)}." if said else ""


def _canary(summary: Summary) -> str:
    checked = len(summary.get("canary") or {})
    if not checked:
        return "The canary was not run, so a leak is not excluded."
    bad = [model_label(name) for name in tripped(summary)]
    if not bad:
        return f"The canary stays quiet for {checked} of {checked} models."
    return f"The canary trips for {', '.join(bad)}: those figures are not to be believed."


def _metric(summary: Summary, name: str, metric: str) -> Any:
    found = {model["name"]: model.get("metrics", {}) for model in models(summary)}
    return found.get(name, {}).get(metric, {}).get("mean")
