"""Every documented route against generated input, over real HTTP: no 5xx, all as documented.

`TWOFOLD_EXAMPLES` scales it; `make fuzz` runs it at length.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import SerializationContext
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.main import create_app
from app.settings import Settings
from evaluation.demo.service_process import ServiceProcess

EXAMPLES = int(os.environ.get("TWOFOLD_EXAMPLES", "10"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    process = ServiceProcess(
        tmp_path_factory.mktemp("fuzz"),
        {
            "TWOFOLD_ROUND_ENABLED": "false",
            "TWOFOLD_DIM": "8",
            "TWOFOLD_LIMIT_FAILURES_PER_S": "0",
        },
    )
    process.start()
    yield process
    process.stop()


schema = schemathesis.openapi.from_dict(create_app(Settings(_env_file=None)).openapi())


@schemathesis.serializer("application/x-ndjson")
def ndjson(_: SerializationContext, value: Any) -> bytes:
    """Generated text goes out as it is, anything else as one JSON line."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode() + b"\n"


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_every_route(case: schemathesis.Case, service: ServiceProcess) -> None:
    headers = {"Authorization": f"Bearer {service.server_key}"}
    response = case.call(base_url=service.url, headers=headers)
    # A request line beyond the HTTP parser's limit is refused before there is an application.
    if response.text != "Invalid HTTP request received.":
        case.validate_response(response, checks=CHECKS)
