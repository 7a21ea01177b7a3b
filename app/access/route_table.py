"""Who may call what: the table of `docs/access.md`, read off the routes themselves.

python -m app.access.route_table
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import FastAPI

from app.access.dependencies import Only


@dataclass(frozen=True)
class Access:
    """What a route asks of its caller; only: None where anybody may call."""

    method: str
    path: str
    only: Only | None

    def line(self) -> str:
        """A line of the table."""
        callers = ("server", "publishable", "user", "device")
        kinds = self.only.kinds if self.only else ()
        marks = ["yes" if kind in kinds else "" for kind in callers]
        if self.only is None:
            marks = ["—"] * len(callers)
        scope = self.only.scope if self.only and self.only.scope else ""
        return f"| `{self.method} {self.path}` | {' | '.join(marks)} | {scope} |"


def routes_of(app: FastAPI) -> list[Access]:
    """Every documented route, by path and method."""
    return sorted(_routes(app), key=lambda one: (one.path, one.method))


def _routes(app: FastAPI) -> Iterator[Access]:
    for router in app.routes:
        for route in getattr(router, "effective_route_contexts", list)():
            asked = [found.call for found in route.dependant.dependencies]
            only = next((call for call in asked if isinstance(call, Only)), None)
            if route.include_in_schema:
                yield from (Access(method, route.path, only) for method in sorted(route.methods))


def table(app: FastAPI) -> str:
    """Markdown."""
    head = "| route | server key | publishable key | user token | device token | scope |"
    return "\n".join([head, "|---|---|---|---|---|---|", *(one.line() for one in routes_of(app))])


if __name__ == "__main__":
    from app.main import create_app

    print(table(create_app()))
