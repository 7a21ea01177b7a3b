"""Every documented route against generated input, over real HTTP, on both stores.

All checks of schemathesis are on but those that are listed here, each with its reason.
`TWOFOLD_EXAMPLES` scales it; `make fuzz` runs it at length.
"""

import json
import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import SerializationContext
from schemathesis.checks import CHECKS as ALL_CHECKS
from schemathesis.checks import load_all_checks

from app.main import create_app
from app.settings import Settings
from evaluation.demo.service_process import ServiceProcess

EXAMPLES = int(os.environ.get("TWOFOLD_EXAMPLES", "10"))
DISABLED = {
    "positive_data_acceptance": (
        "a schema does not say that a cursor is one that was handed out, that a key is a point of"
        " its curve, that an event's type is one of the operator's, or which fields go together"
    ),
}
EXCLUDED = {
    ("negative_data_rejection", "POST", "/v1/items:import"): (
        "an import answers 200 with a report that names each line that was rejected, and why"
    ),
    ("unsupported_method", "GET", "/v1/rounds/check-in"): (
        "GET /v1/rounds/{round_id} has this address, too: it says that 'check-in' is no number"
    ),
}
"""(check, method, path) -> why not."""
load_all_checks()
CHECKS = [check for check in ALL_CHECKS.get_all() if check.__name__ not in DISABLED]

schema = schemathesis.openapi.from_dict(create_app(Settings(_env_file=None)).openapi())


def scaled(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


@schemathesis.serializer("application/x-ndjson")
def ndjson(_: SerializationContext, value: Any) -> bytes:
    """Generated text goes out as it is, anything else as one JSON line."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode() + b"\n"


def test_what_is_left_out_exists() -> None:
    """A reason for what is gone would hide what came in its place."""
    names = set(ALL_CHECKS.get_all_names())
    assert set(DISABLED) <= names
    assert {check for check, _, _ in EXCLUDED} <= names - set(DISABLED)
    assert {path for _, _, path in EXCLUDED} <= set(schema.raw_schema["paths"])


@schema.parametrize()
@scaled(EXAMPLES)
def test_every_route(case: schemathesis.Case, on_sqlite: ServiceProcess) -> None:
    send(case, on_sqlite)


@pytest.mark.postgres
@schema.parametrize()
@scaled(max(5, EXAMPLES // 5))
def test_every_route_on_postgres(case: schemathesis.Case, on_postgres: ServiceProcess) -> None:
    send(case, on_postgres)


def send(case: schemathesis.Case, service: ServiceProcess) -> None:
    """Send a generated request and judge the answer."""
    headers = {"Authorization": f"Bearer {service.server_key}"}
    response = case.call(base_url=service.url, headers=headers)
    # A request line beyond the HTTP parser's limit is refused before there is an application.
    if response.text == "Invalid HTTP request received.":
        return
    due = [c for c in CHECKS if (c.__name__, case.method, case.path) not in EXCLUDED]
    case.validate_response(response, checks=due, headers=headers)
