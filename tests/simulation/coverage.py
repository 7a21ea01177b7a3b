"""What a run has reached: a simulation that never meets a case says nothing of it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import get_args

from federation.refusals import REASONS
from federation.round_effects import WaitReason
from federation.round_state import TRANSITIONS
from tests.simulation.operations import SIMULATED_POINTS


def all_cases() -> dict[str, list[str]]:
    """Kind -> all its cases."""
    cells = ((phase, event, to) for (phase, event), tos in TRANSITIONS.items() for to in tos)
    return {
        "crash point": sorted(SIMULATED_POINTS),
        "refusal": sorted(REASONS),
        "wait": sorted(get_args(WaitReason)),
        "transition": sorted(f"{phase} --{event}--> {to}" for phase, event, to in cells),
    }


@dataclass
class Coverage:
    """How often each case was met. Crash points count deaths, not passages."""

    hits: Counter[tuple[str, str]] = field(default_factory=Counter)

    def hit(self, kind: str, case: str) -> None:
        self.hits[kind, case] += 1

    def add(self, other: "Coverage") -> None:
        self.hits.update(other.hits)

    def missing(self) -> list[str]:
        """The cases that were never met."""
        cases = ((kind, case) for kind, found in all_cases().items() for case in found)
        return [f"{kind}: {case}" for kind, case in cases if not self.hits[kind, case]]

    def table(self) -> str:
        """One line per kind: cases met, of how many, and the rarest."""
        lines = []
        for kind, cases in all_cases().items():
            met = [case for case in cases if self.hits[kind, case]]
            rarest = min(cases, key=lambda case: self.hits[kind, case])
            count = self.hits[kind, rarest]
            lines.append(f"{kind:12} {len(met):3} of {len(cases):3}  rarest: {rarest} ({count})")
        return "\n".join(lines)
