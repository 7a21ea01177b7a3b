"""`twofold rounds`, `orders` and `versions` as an operator types them, at a real service."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from clients.python.operator_commands import orders_app, rounds_app, versions_app
from clients.python.service_client import ServiceClient
from evaluation.demo.service_process import ServiceProcess, free_port

SETTINGS = {
    "TWOFOLD_DIM": "8",
    "TWOFOLD_HISTORY_LENGTH": "20",
    "TWOFOLD_ROUND_ENABLED": "false",
    "TWOFOLD_SERVER_KEY": "",
}
APPS = {"rounds": rounds_app, "orders": orders_app, "versions": versions_app}
DEADLINE_S = 90.0

Operator = Callable[..., Result]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that opens no round by itself, with a catalogue and its first version."""
    process = ServiceProcess(tmp_path_factory.mktemp("service"), SETTINGS)
    process.start()
    with ServiceClient(process.url, process.server_key) as client:
        client.import_items([{"id": f"item-{n}", "title": f"Thing {n}"} for n in range(12)])
        wait_for(lambda: (client.current_version() or {"n_items": 0})["n_items"] == 12)
        yield process
    process.stop()


def wait_for(happened: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while not (found := happened()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def run(app: Typer, words: list[str], **environment: str) -> Result:
    nothing = {"TWOFOLD_URL": "", "TWOFOLD_SERVER_KEY": "", "TWOFOLD_DATA_DIR": ""}
    wide = {"COLUMNS": "200", "TERMINAL_WIDTH": "200"}
    return CliRunner(env={**nothing, **wide, **environment}).invoke(app, words)


@pytest.fixture
def operator(service: ServiceProcess) -> Operator:
    """`operator("rounds", "show", 1)`: at the service, with the key in its folder."""

    def typed(group: str, *words: object) -> Result:
        at = {"TWOFOLD_URL": service.url, "TWOFOLD_DATA_DIR": str(service.data_dir)}
        return run(APPS[group], [str(word) for word in words], **at)

    return typed


class TestRefusals:
    def test_without_a_key(self, tmp_path: Path) -> None:
        ran = run(rounds_app, ["list", "--data-dir", str(tmp_path)])
        assert ran.exit_code == 1
        assert ran.output.startswith("twofold: no server key")

    def test_another_key(self, service: ServiceProcess) -> None:
        key = "tf_server_" + "x" * 43
        ran = run(rounds_app, ["abandon", "1"], TWOFOLD_URL=service.url, TWOFOLD_SERVER_KEY=key)
        assert ran.exit_code == 1
        assert "twofold: key_invalid" in ran.output

    def test_nobody_answers(self) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        ran = run(versions_app, ["list", "--url", url, "--server-key", "k"])
        assert ran.exit_code == 1
        assert "no_answer" in ran.output

    @pytest.mark.parametrize("url", ["shop.example", "ftp://shop.example"])
    def test_no_address(self, url: str) -> None:
        ran = run(orders_app, ["list", "--url", url, "--server-key", "k"])
        assert ran.exit_code == 1
        assert "base_url" in ran.output

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("rounds", "show", 999), "not_found"),
            (("rounds", "start", 999), "not_found"),
            (("rounds", "pause", 999), "not_found"),
            (("rounds", "retry", 999), "not_found"),
            (("orders", "show", 999), "not_found"),
            (("versions", "rollback", 999), "not_found"),
            (("versions", "order", "none/such"), "not_found"),
            (("rounds", "pause", 1, "--reason", "No Code"), "reason"),
            (("rounds", "create", "--set", "cohort_size=3"), "cohort_size"),
            (("rounds", "create", "--set", "cohort_target=0"), "cohort_target"),
            (("rounds", "create", "--set", "cohort_target"), "must be NAME=NUMBER"),
            (("rounds", "create", "--set", "lease_s=long"), "must be NAME=NUMBER"),
            (("versions", "rollback", 1, "--item", "none"), "not_found"),
        ],
    )
    def test_what_the_service_refuses_is_one_line(
        self, operator: Operator, words: tuple[object, ...], said: str
    ) -> None:
        ran = operator(*words)
        assert ran.exit_code == 1, ran.output
        assert ran.output.startswith("twofold: ")
        assert said in ran.output
        assert len(ran.output.splitlines()) == 1


def shown(operator: Operator, group: str, *words: object) -> dict[str, Any]:
    ran = operator(group, *words)
    assert ran.exit_code == 0, ran.output
    found: dict[str, Any] = json.loads(ran.output)
    return found


def said(operator: Operator, *words: object) -> str:
    ran = operator(*words)
    assert ran.exit_code == 0, ran.output
    return ran.output.strip()


def test_a_round_from_its_order_to_its_retry(operator: Operator) -> None:
    create = ("rounds", "create", "--set", "cohort_target=3", "--set", "cohort_min=1", "--no-start")
    ordered = said(operator, *create, "--idempotency-key", "pilot")
    number = int(ordered.split()[1])
    wait_for(lambda: shown(operator, "orders", "show", number)["round"])
    assert said(operator, *create, "--idempotency-key", "pilot").startswith(f"Order {number} ")
    order = shown(operator, "orders", "show", number)
    round_id = order["round"]
    assert (order["settings"]["cohort_target"], order["start"]) == (3, False)
    assert shown(operator, "rounds", "show", round_id)["phase"] == "scheduled"
    assert said(operator, "rounds", "start", round_id) == f"Round {round_id} is selecting."
    assert said(operator, "rounds", "pause", round_id, "--reason", "upgrade").endswith("paused.")
    assert shown(operator, "rounds", "show", round_id)["hold_reason"] == "upgrade"
    assert said(operator, "rounds", "resume", round_id) == f"Round {round_id} is selecting."
    ended = said(operator, "rounds", "abandon", round_id, "--reason", "wrong_clip")
    assert ended == f"Round {round_id} is abandoned: wrong_clip."
    again = int(said(operator, "rounds", "retry", round_id).split()[1])
    follows = wait_for(lambda: shown(operator, "orders", "show", again)["round"])
    assert shown(operator, "rounds", "show", follows)["retry_of"] == round_id
    listed = said(operator, "rounds", "list", "--limit", 5)
    assert "wrong_clip" in listed
    assert "fulfilled" in said(operator, "orders", "list")
    said(operator, "rounds", "abandon", follows)


@pytest.mark.parametrize("item", [[], ["--item", "item-3"]])
def test_going_back(operator: Operator, item: list[str]) -> None:
    ordered = said(operator, "versions", "rollback", 1, *item)
    order_id = ordered.split()[1]

    def done() -> dict[str, Any] | None:
        order = shown(operator, "versions", "order", order_id)
        return order if order["state"] == "done" else None

    published = wait_for(done)["published_version"]
    assert f"{published}" in said(operator, "versions", "list")
    assert "rollback" in said(operator, "versions", "list")
