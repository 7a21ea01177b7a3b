"""From the words of the command line to the plans that are rehearsed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from pydantic import ValidationError

from app.settings import RoundSettings

SHORT = {"cohort": "cohort_target", "quorum": "cohort_min"}
"""Short names; those of seconds may also go without their unit."""


@dataclass(frozen=True)
class NamedPlan:
    """Settings of rounds under the name that their row of the table bears."""

    name: str
    rounds: RoundSettings


@dataclass(frozen=True)
class PlanWords:
    """What the command line says. changes: setting -> value; axes: "name=value,value", compared."""

    changes: Mapping[str, str] = field(default_factory=dict)
    axes: Sequence[str] = ()


def read_plans(words: PlanWords, base: RoundSettings) -> list[NamedPlan]:
    """One plan for every combination of the compared values; the base's other settings hold.

    A cohort without a quorum keeps the base's share of it.
    Raises: ValueError naming the setting.
    """
    axes = [_read_axis(text) for text in words.axes]
    fixed = dict(words.changes)
    plans = []
    for values in product(*(values for _, values in axes)):
        chosen = {name: value for (name, _), value in zip(axes, values, strict=True)}
        changes = {**fixed, **chosen}
        plans.append(NamedPlan(_label(changes) or "as configured", _changed(base, changes)))
    return plans


def read_pair(text: str) -> tuple[str, str]:
    """(name, value) of "NAME=VALUE". Raises: ValueError."""
    name, separator, value = text.partition("=")
    if not (name and separator and value):
        raise ValueError(f"{text!r}: must be NAME=VALUE")
    return name, value


def full_name(name: str) -> str:
    """The setting of rounds that `name` means.

    Raises: ValueError naming it when there is none.
    """
    known = RoundSettings.model_fields
    for found in (name, SHORT.get(name, name), f"{name}_s"):
        if found in known:
            return found
    raise ValueError(f"{name}: no such setting of rounds; there are {', '.join(known)}")


def _label(changes: Mapping[str, str]) -> str:
    """The changes in their short names."""
    short = {name: word for word, name in SHORT.items()}
    named = ((short.get(name, name.removesuffix("_s")), value) for name, value in changes.items())
    return " ".join(f"{name}={value}" for name, value in named)


def _read_axis(text: str) -> tuple[str, list[str]]:
    name, values = read_pair(text)
    return full_name(name), values.split(",")


def _changed(base: RoundSettings, changes: Mapping[str, str]) -> RoundSettings:
    values = {**base.model_dump(), **changes}
    if "cohort_target" in changes and "cohort_min" not in changes:
        values["cohort_min"] = _quorum(base, changes["cohort_target"])
    try:
        return RoundSettings(**values)
    except ValidationError as error:
        found = error.errors()[0]
        name = ".".join(str(part) for part in found["loc"]) or "rounds"
        raise ValueError(f"{name}: {found['msg']}") from error


def _quorum(base: RoundSettings, cohort: str) -> int:
    share = base.cohort_min / base.cohort_target
    # What is no number is refused under its own name, by the settings.
    return max(1, round(share * int(cohort))) if cohort.isdecimal() else 1
