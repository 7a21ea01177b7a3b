"""Too many requests: who may no longer ask, and what every answer says of it."""

import math

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.rate_limits import RateLimits, Standing
from app.errors import Problem, problem_response
from app.route_template import route_template

FAILURES = "failures"
SCOPE_KEY = "twofold.standing"


def throttle(limits: RateLimits, scope: Scope, kind: str, subject: str) -> None:
    """Take a request of this caller to this route, and note how the bucket stands.

    Raises: Problem 429 `rate_limited`.
    """
    standing = limits.take(kind, f"{subject} {route_template(scope)}")
    scope[SCOPE_KEY] = standing
    if standing is not None and standing.is_over:
        raise rate_limited(standing)


def rate_limited(standing: Standing) -> Problem:
    """The refusal, which says when to come back."""
    assert standing.retry_after_s is not None
    retry_after = str(max(1, math.ceil(standing.retry_after_s)))
    detail = f"Too many requests; at most {standing.quota.per_s:g} a second in the long run."
    return Problem(429, "rate_limited", detail, headers={"Retry-After": retry_after})


class Throttle:
    """Puts the bucket's standing on every answer, and slows down who tries out credentials.

    Wrong credentials are paid for by the address that they come from, and once its bucket is empty
    they are told 429 in place of 401. A good credential is never refused for its address: many
    people may share one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on; add to its answer, or replace it."""
        if scope["type"] != "http" or "limits" not in scope.get("state", {}):
            await self.app(scope, receive, send)
            return
        limits: RateLimits = scope["state"]["limits"]
        replaced = False

        async def send_with_standing(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                standing = _standing(limits, scope, message["status"])
                if standing is not None:
                    MutableHeaders(scope=message).update(standing.headers())
                if message["status"] == 401 and standing is not None and standing.is_over:
                    replaced = True
                    answer = problem_response(rate_limited(standing))
                    answer.headers.update(standing.headers())
                    await answer(scope, receive, send)
            if not replaced:
                await send(message)

        await self.app(scope, receive, send_with_standing)


def _standing(limits: RateLimits, scope: Scope, status: int) -> Standing | None:
    noted: Standing | None = scope.get(SCOPE_KEY)
    if status != 401 or noted is not None:
        return noted
    return limits.take(FAILURES, scope["client"][0] if scope.get("client") else "")
