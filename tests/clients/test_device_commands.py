"""`twofold device ...`, as a user types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from clients.python.commands import device_app
from tests.clients.rounds_service import Rig


def device(*arguments: object) -> Result:
    return CliRunner().invoke(device_app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("command", ["record", "run", "recommend"])
def test_a_folder_without_a_device_is_named(tmp_path: Path, command: str) -> None:
    item = ["x"] if command == "record" else []
    ran = device(command, tmp_path, *item)
    assert ran.exit_code == 1
    assert "holds no enrolled device" in ran.output


def test_a_service_that_refuses_is_told(rig: Rig) -> None:
    rig.enrol("a")
    ran = device("enrol", rig.folder / "b", rig.running.url, "a")
    assert ran.exit_code == 1
    assert "code_used" in ran.output


@pytest.mark.parametrize("url", ["shop.example", "ftp://shop.example"])
def test_what_is_no_address_is_told(tmp_path: Path, url: str) -> None:
    ran = device("enrol", tmp_path / "a", url, "code")
    assert ran.exit_code == 1
    assert "base_url" in ran.output


def test_a_bad_event_is_told(rig: Rig) -> None:
    rig.enrol("a")
    ran = device("record", rig.folder / "a", "x" * 129)
    assert ran.exit_code == 1
    assert "item_id" in ran.output


def test_a_damaged_folder_is_told(rig: Rig) -> None:
    rig.enrol("a")
    (rig.folder / "a" / "identity.json").write_bytes(b"{")
    ran = device("run", rig.folder / "a", "--once")
    assert ran.exit_code == 1
    assert "identity.json is damaged" in ran.output.replace("\n", "")


def test_a_device_from_enrolment_to_recommendations(rig: Rig) -> None:
    folder = rig.folder / "phone"
    assert "is enrolled" in device("enrol", folder, rig.running.url, "phone").output
    assert "no model here" in device("recommend", folder, "--offline").output
    for item in rig.service.world.items[:4]:
        ran = device("record", folder, item, "cart")
    assert "4 events are kept" in ran.output.replace("\n", " ")
    assert "update acknowledged" in device("run", folder, "--once").output
    rig.service.rounds_open = 0
    assert "Nothing to do for" in device("run", folder, "--once").output
    ran = device("recommend", folder, "-k", 3)
    assert ran.exit_code == 0
    assert ran.output.count("/é") >= 3
    assert "because of" in ran.output


def test_what_cannot_be_refreshed_is_ranked_as_it_is(rig: Rig) -> None:
    rig.enrol("a").sync()
    rig.running.stop()
    ran = device("recommend", rig.folder / "a", "-k", 2)
    rig.running.start()
    assert ran.exit_code == 0
    assert "Not refreshed: no_answer" in ran.output
    assert "/é" in ran.output


def test_an_outcome_that_is_no_success_is_told(rig: Rig) -> None:
    rig.enrol("a")
    rig.service.plan_digest = "sha256:" + "0" * 64
    ran = device("run", rig.folder / "a", "--once")
    assert "Declined: plan_digest_mismatch" in ran.output
