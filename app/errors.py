"""Problems: the service's only error body, RFC 9457 `application/problem+json`.

Problem                  any refusal; `reason` is stable and names the documentation page
├── status 400/422       malformed: `errors` name the fields
├── status 401/403       no or wrong credential
├── status 404           unknown, or not yours: the two are indistinguishable
├── status 409/410       the state forbids it
├── status 411/413/415   the body's length or type
├── status 429           too often; `Retry-After` says when to come back
├── status 500           our mistake; nothing about it is told
└── status 503           a store is away; `Retry-After` says when to come back
"""

import json
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.route_template import route_template

MEDIA_TYPE = "application/problem+json"
# What a refusal repeats of a request is bounded, however large the request was.
ERRORS_MAX = 20
FIELD_CHARS_MAX = 200

TITLES = {
    400: "Bad request",
    401: "Credential missing or invalid",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    410: "Gone",
    411: "Length required",
    413: "Body too large",
    415: "Unsupported media type",
    422: "Invalid content",
    429: "Too many requests",
    500: "Internal error",
    503: "Temporarily unavailable",
}

STANDARD_REASONS = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    411: "length_required",
    413: "body_too_large",
    415: "unsupported_media_type",
}


class Problem(Exception):
    """A refusal on its way to the client.

    reason: stable snake_case code. errors: one {"field", "message"} per offending field.
    extra: further members of the problem document.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        errors: Sequence[dict[str, str]] = (),
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.errors = list(errors)
        self.headers = headers or {}
        self.extra = extra or {}


def invalid_field(field: str, message: str, reason: str = "invalid_field") -> Problem:
    """A 422 that names one field."""
    detail = f"{field}: {message}"
    return Problem(422, reason, detail, errors=[{"field": field, "message": message}])


def unauthorised(detail: str, reason: str = "unauthorised") -> Problem:
    """A 401 with the challenge that RFC 9110 asks for."""
    return Problem(401, reason, detail, headers={"WWW-Authenticate": "Bearer"})


def device_revoked() -> Problem:
    """A 403 for a device whose enrolment has ended, whatever token it holds."""
    return Problem(403, "device_revoked", "This device is not enrolled any more.")


def not_found(what: str) -> Problem:
    """A 404; what is foreign and what does not exist answer alike."""
    return Problem(404, "not_found", f"No such {what}.")


class ProblemResponse(JSONResponse):
    """A problem document. Field names come from the client and may not be encodable as UTF-8."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """UTF-8 whatever the text holds: a lone surrogate becomes a question mark."""
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


def problem_response(problem: Problem) -> ProblemResponse:
    """The RFC 9457 document of a problem."""
    body: dict[str, Any] = {
        "type": f"/problems/{problem.reason}",
        "title": TITLES.get(problem.status, "Error"),
        "status": problem.status,
        "reason": problem.reason,
        "detail": problem.detail,
        **problem.extra,
    }
    if problem.errors:
        body["errors"] = problem.errors
    return ProblemResponse(body, problem.status, headers=problem.headers)


def field_errors(errors: Sequence[Any]) -> list[dict[str, str]]:
    """Pydantic's errors as {"field", "message"}, at most ERRORS_MAX of them."""
    return [{"field": _field(e["loc"]), "message": str(e["msg"])} for e in errors[:ERRORS_MAX]]


def _field(location: Sequence[Any]) -> str:
    # Parts in angle brackets name an alternative of a union, not a field: see `app.events.schemas`.
    parts = [str(part) for part in location]
    parts = [part for part in parts if not (part.startswith("<") and part.endswith(">"))]
    name = ".".join(parts[1:]) if len(parts) > 1 else ".".join(parts) or "body"
    return name[:FIELD_CHARS_MAX]


async def _on_problem(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, Problem)
    return problem_response(exc)


async def _on_validation(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, RequestValidationError)
    errors = field_errors(exc.errors())
    detail = "; ".join(f"{e['field']}: {e['message']}" for e in errors[:3])
    return problem_response(Problem(422, "invalid_request", detail, errors=errors))


async def _on_http_exception(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)
    reason = STANDARD_REASONS.get(exc.status_code, "bad_request")
    headers = dict(exc.headers or {})
    if exc.status_code == 405:
        headers["Allow"] = _allowed_methods(request) or headers.get("Allow", "")
    return problem_response(Problem(exc.status_code, reason, str(exc.detail), headers=headers))


def _allowed_methods(request: Request) -> str:
    # The framework names the methods of the one route that it tried, not of the whole resource.
    methods = request.app.openapi()["paths"].get(route_template(request.scope), {})
    return ", ".join(sorted(method.upper() for method in methods))


async def _on_mistake(_: Request, __: Exception) -> JSONResponse:
    return problem_response(Problem(500, "internal_error", "The service failed; it is logged."))


def install_error_handlers(app: FastAPI) -> None:
    """Turn every refusal, framework errors included, into a problem document."""
    app.add_exception_handler(Exception, _on_mistake)
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http_exception)
