"""How the figures came about: data, question, what was chosen, what it cost, the command."""

from collections.abc import Mapping
from typing import Any

from evaluation.offline.report.formats import decimal, known, percent, seconds, whole
from evaluation.offline.report.labels import metric_label, model_label, split_label
from evaluation.offline.report.reading import Summary, models
from evaluation.offline.report.section import Section
from evaluation.offline.report.table import Table

SHOWN = ("ndcg@10", "hr@10")
LEAD = (
    "Rounds and settings are chosen on validation with full ranking; the test questions are asked "
    "once. Every model gets the same questions."
)


def method_section(summary: Summary) -> Section | None:
    """What was asked, what each training chose, CPU time, and the command that made it all."""
    tables = [_asked(summary), _runs(summary)]
    shown = tuple(table for table in tables if table.rows)
    command = str(summary.get("command") or "")
    if not shown and not command:
        return None
    return Section("method", "How this was measured", LEAD, tables=shown, code=command)


def _asked(summary: Summary) -> Table:
    rows = [("Held out", split_label(str(summary["split"])))] if summary.get("split") else []
    for key, value in {**(summary.get("data") or {}), **(summary.get("facts") or {})}.items():
        rows.append((_words(key), _fact(value)))
    rows += [("Intervals", _drawn(summary["bootstrap"]))] if summary.get("bootstrap") else []
    return Table("What was asked", ("", "Value"), tuple(rows), words=frozenset({0, 1}))


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return _chosen(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, str | bool) or not known(value):
        return str(value)
    return whole(value) if value == round(value) else decimal(value)


def _drawn(bootstrap: Mapping[str, Any]) -> str:
    return (
        f"{percent(bootstrap.get('level'), 0)}, {whole(bootstrap.get('n'))} draws of "
        f"{bootstrap.get('over', 'people')}, seed {bootstrap.get('seed')}"
    )


def _runs(summary: Summary) -> Table:
    rows = []
    for model in models(summary):
        for run in model.get("seeds") or []:
            chosen = _chosen(run.get("chosen") or {})
            rows.append(
                (
                    model_label(model["name"]),
                    str(run.get("seed", "")),
                    chosen,
                    *(decimal(run.get(key)) for key in SHOWN),
                    seconds(run.get("cpu_s")),
                )
            )
    heads = ("Model", "Seed", "Chosen on validation", *(metric_label(key) for key in SHOWN), "CPU")
    return Table("Each training", heads, tuple(rows), words=frozenset({0, 1, 2}))


def _chosen(chosen: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {_setting(value)}" for key, value in chosen.items())


def _setting(value: Any) -> str:
    return f"{value:g}" if known(value) and not isinstance(value, bool) else str(value)


def _words(key: str) -> str:
    words = key.replace("_", " ")
    words = f"number of {words[2:]}" if words.startswith("n ") else words
    return words[:1].upper() + words[1:]
