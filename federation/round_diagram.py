"""Draws the transition table as a mermaid state diagram: `python -m federation.round_diagram`."""

from federation.round_state import ENDED, PHASES, TRANSITIONS, Phase


def round_diagram() -> str:
    """The diagram. Events that leave the phase as it is are left out."""
    edges: dict[tuple[Phase, Phase], list[str]] = {}
    for (phase, event), following in TRANSITIONS.items():
        for target in sorted(following - {phase}, key=PHASES.index):
            edges.setdefault((phase, target), []).append(event)
    lines = ["stateDiagram-v2", "    [*] --> scheduled"]
    for (phase, target), events in edges.items():
        lines.append(f"    {phase} --> {target}: {', '.join(events)}")
    lines += [f"    {phase} --> [*]" for phase in PHASES if phase in ENDED]
    return "\n".join(lines)


if __name__ == "__main__":
    print(round_diagram())
