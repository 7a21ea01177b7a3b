"""The template of the route that serves a request, such as `/v1/items/{item_id}`."""

from starlette.types import Scope

UNMATCHED = "unmatched"


def route_template(scope: Scope) -> str:
    """The template, or UNMATCHED before routing and where no route fits."""
    # A route knows its path without the prefixes it was included under; its context has them.
    context = scope.get("fastapi", {}).get("effective_route_context")
    template: str = getattr(context or scope.get("route"), "path", UNMATCHED)
    return template
