"""How the figures came about: data, question, what was chosen, what it cost, the command."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.offline.report.formats import NOTHING, decimal, known, percent, seconds, whole
from evaluation.offline.report.labels import model_label, split_label
from evaluation.offline.report.reading import QUALITY, Summary, models
from evaluation.offline.report.section import Section
from evaluation.offline.report.table import Table

LEAD = (
    "Rounds and settings are chosen on validation with full ranking; the test questions are asked "
    "once. Every model gets the same questions."
)


def method_section(summary: Summary) -> Section | None:
    """What was asked, what each training chose, CPU time, and the command that made it all."""
    asked = Table(
        "Data", ("What", "Value"), _rows(summary.get("data") or {}), words=frozenset({0, 1})
    )
    how = Table("Setting", ("What", "Value"), _setting(summary), words=frozenset({0, 1}))
    runs = _runs(summary)
    beside = tuple(table for table in (asked, how) if table.rows)
    command = str(summary.get("command") or "")
    if not beside and not runs.rows and not command:
        return None
    tables = (runs,) if runs.rows else ()
    return Section(
        "method", "How this was measured", LEAD, beside=beside, tables=tables, code=command
    )


def _rows(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((_words(key), _fact(value)) for key, value in values.items())


def _setting(summary: Summary) -> tuple[tuple[str, str], ...]:
    rows = [("Held out", split_label(str(summary["split"])))] if summary.get("split") else []
    rows += [("Intervals", _drawn(summary["bootstrap"]))] if summary.get("bootstrap") else []
    return (*rows, *_rows(summary.get("facts") or {}))


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_written(one)}" for key, one in value.items())
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
        runs = model.get("seeds") or []
        if runs:
            levels = ", ".join(decimal(run.get(QUALITY)) for run in runs)
            rows.append((model_label(model["name"]), _choices(runs), levels, _cost(runs)))
    heads = ("Model", "Chosen on validation", "NDCG@10 by seed", "CPU per training")
    return Table("Trainings", heads, tuple(rows), words=frozenset({0, 1}))


def _choices(runs: Sequence[Mapping[str, Any]]) -> str:
    """Setting by setting; a value a seed where the seeds differ."""
    chosen = [run.get("chosen") or {} for run in runs]
    said = []
    for key in dict.fromkeys(key for one in chosen for key in one):
        values = [_written(one.get(key)) for one in chosen]
        same = len(set(values)) == 1
        said.append(f"{key.replace('_', ' ')} {values[0] if same else ' / '.join(values)}")
    return ", ".join(said)


def _cost(runs: Sequence[Mapping[str, Any]]) -> str:
    spent = [float(run["cpu_s"]) for run in runs if known(run.get("cpu_s"))]
    return seconds(sum(spent) / len(spent) if spent else None)


def _written(value: Any) -> str:
    if isinstance(value, bool) or not known(value):
        return NOTHING if value is None else str(value)
    return f"{value:g}"


def _words(key: str) -> str:
    words = key.replace("_", " ")
    words = f"number of {words[2:]}" if words.startswith("n ") else words
    return words[:1].upper() + words[1:]
