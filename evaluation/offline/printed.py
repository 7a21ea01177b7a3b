"""The summary as the terminal shows it: a table, and a line each on what a table cannot say."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evaluation.offline.mitigation import verdict
from evaluation.offline.report.formats import (
    decimal,
    interval,
    known,
    percent,
    percent_interval,
    ratio_interval,
    seconds,
)
from evaluation.offline.report.headline import headline
from evaluation.offline.report.labels import model_label, split_label
from evaluation.offline.report.reading import (
    Summary,
    main_model,
    models,
    quality,
    ratios,
    tripped,
)

METRICS = ("ndcg@10", "hr@10")
WIDE = 110  # columns from which on an interval stands beside its mean, not below it


def print_summary(summary: Summary, console: Console) -> None:
    """Print it. Names that come from data are text, never markup."""
    said = headline(summary)
    console.print()
    console.print(Text(said.title, style="bold" if said.sound else "bold red"))
    console.print(_table(summary, " " if console.width >= WIDE else "\n"))
    for line in lines(summary):
        console.print(Text(line), soft_wrap=True)


def _table(summary: Summary, gap: str) -> Table:
    """gap: between a mean and its interval."""
    data, held_out = summary["data"], split_label(summary["split"])
    title = f"{data['name']}, held out: {held_out}; {data['n_questions']:,} questions"
    table = Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Model", no_wrap=True)
    main = model_label(str(main_model(summary)))
    for head in ("NDCG@10", "HR@10", f"{main} ÷ it", "Canary", "CPU"):
        table.add_column(Text(head), justify="right")
    to_main = {one["to"]: one for one in ratios(summary)}
    for model in sorted(models(summary), key=quality, reverse=True):
        cells = _row(summary, model, to_main.get(model["name"]))
        table.add_row(Text(cells[0]), *(Text(one.replace(" ", gap, 1)) for one in cells[1:]))
    return table


def _row(summary: Summary, model: Summary, to_main: Summary | None) -> tuple[str, ...]:
    spent = [run["cpu_s"] for run in model["seeds"]]
    return (
        model_label(model["name"]),
        *(interval(model["metrics"][metric], 3) for metric in METRICS),
        ratio_interval(to_main) if to_main else "",
        _percentile(summary["canary"].get(model["name"])),
        seconds(sum(spent) / len(spent)),
    )


def _percentile(canary: Mapping[str, Any] | None) -> str:
    if canary is None:
        return ""
    found = f"{decimal(canary['percentile'], 3)} ± {decimal(2 * canary['standard_error'], 3)}"
    return found if canary["within_two"] else f"{found} trips"


def lines(summary: Summary) -> Iterator[str]:
    """Canary, adaptation, unseen users, cold items, fairness: those that there is a word on."""
    yield _canary(summary)
    if summary.get("adaptation"):
        yield _adaptation(summary["adaptation"])
    for name, one in (summary.get("unseen") or {}).items():
        yield f"Unseen users, {model_label(name)}: {ratio_interval(one['ratio'])} of seen."
    if summary.get("cold"):
        yield from _cold(summary["cold"])
    for name, audit in summary["fairness"].items():
        if audit["gap"] is not None:
            yield _fairness(name, audit)
        for model, found in (audit.get("mitigation") or {}).items():
            yield _mitigation(name, model, found)


def _canary(summary: Summary) -> str:
    bad = [model_label(name) for name in tripped(summary)]
    n = len(summary["canary"])
    if not n:
        return "Canary: not run, too few people."
    if not bad:
        return f"Canary: null items within two standard errors of 0.5 for {n} of {n} models."
    return f"Canary: TRIPS for {', '.join(bad)}; those figures are not to be believed."


def _adaptation(found: Mapping[str, Any]) -> str:
    lift = percent_interval(found["lift"])
    return (
        f"Adaptation, {model_label(found['model'])}: NDCG@10 {lift} over the shared tower; "
        f"{percent(found['losers'])} lose, {_nats(found['mean_loss'])} on average, "
        f"the others gain {_nats(found['mean_gain'])}."
    )


def _nats(value: Any) -> str:
    return f"{decimal(abs(value), 3)} nats" if known(value) else "nothing"


def _cold(cold: Mapping[str, Any]) -> Iterator[str]:
    for key, words in (("among_cold", "among the cold items"), ("among_all", "among all items")):
        found = cold[key]
        said = [
            f"{model_label(name)} {percent(one['recall@10']['mean'])} "
            f"({ratio_interval(one['to_chance'])} times chance)"
            for name, one in found["models"].items()
        ]
        yield f"Cold items, recall@10 {words}: {', '.join(said)}."


def _fairness(name: str, audit: Mapping[str, Any]) -> str:
    worst = audit["worst"]
    return (
        f"Fairness by {name}: worst off {worst['name']} with NDCG@10 {interval(worst, 3)}, "
        f"{interval(audit['gap'], 3)} below the best group."
    )


def _mitigation(name: str, model: str, found: Mapping[str, Any]) -> str:
    return (
        f"Mitigation by {name}, {model_label(model)}: gap {interval(found['before'], 3)} to "
        f"{interval(found['after'], 3)}, {percent(found['share']['mean'])} less, for "
        f"{percent_interval(found['cost'])} of NDCG@10: {verdict(found)}."
    )
