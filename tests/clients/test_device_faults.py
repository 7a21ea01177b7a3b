"""Cut connections, errors and restarts: the same bytes go out, and they count once."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clients.python.device import Device
from clients.python.durable_files import CorruptedStateError
from clients.python.outcomes import Accepted, Dropped, Ended, Failed, Waits
from clients.python.problems import NotEnrolledError, ServiceProblem
from tests.clients.deadly_transport import DEADLY
from tests.clients.rounds_service import Fault, Rig

ROOT = Path(__file__).parents[2]
STEPS = ["POST /v1/rounds/check-in", "GET /v1/models/1/bundles", "PUT /v1/updates"]


def test_a_folder_without_a_device_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotEnrolledError, match="no folder"):
        Device.open(tmp_path / "nowhere")
    with pytest.raises(NotEnrolledError, match="holds no enrolled device"):
        Device.open(tmp_path)


def test_a_code_that_is_used_up_is_a_problem(rig: Rig) -> None:
    rig.enrol("a")
    with pytest.raises(ServiceProblem, match="code_used") as found:
        Device.enrol(rig.folder / "b", rig.running.url, "a", transport=rig.transport)
    assert (found.value.status, found.value.reason) == (409, "code_used")
    with pytest.raises(NotEnrolledError):
        Device.open(rig.folder / "b")


def test_a_folder_belongs_to_one_service(rig: Rig) -> None:
    rig.enrol("a")
    with pytest.raises(ValueError, match="belongs to a device of http"):
        Device.enrol(rig.folder / "a", "https://elsewhere.example", "a", transport=rig.transport)


def test_an_enrolment_whose_answer_got_lost_is_repeated_with_the_same_key(rig: Rig) -> None:
    rig.service.faults = [Fault("POST /v1/devices", cut=True, after=True)]
    with pytest.raises(ServiceProblem, match="no_answer"):
        rig.enrol("a")
    first = dict(rig.service.keys["a"])
    assert rig.enrol("a").identity.device_id == "a"
    assert rig.service.keys["a"] == first


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_error_is_waited_out(rig: Rig, step: str, status: int) -> None:
    device = rig.enrol()
    rig.service.faults = [Fault(step, status=status)]
    failed = device.take_part(rig.now)
    assert isinstance(failed, Failed)
    assert rig.now + 0.5 <= failed.until <= rig.now + 1.5
    n_requests = len(rig.service.log)
    assert isinstance(device.take_part(failed.until - 0.01), Waits)
    assert len(rig.service.log) == n_requests
    assert isinstance(device.take_part(failed.until), Accepted)
    assert len(rig.service.updates) == 1


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_cut_connection_is_waited_out(rig: Rig, step: str, after: bool) -> None:
    device = rig.enrol()
    rig.service.faults = [Fault(step, cut=True, after=after)]
    failed = device.take_part(rig.now)
    assert isinstance(failed, Failed)
    assert failed.reason == "no_answer"
    accepted = device.take_part(failed.until)
    assert isinstance(accepted, Accepted)
    assert accepted.replayed == (after and step.startswith("PUT"))
    assert len(rig.service.updates) == 1


def test_the_wait_grows_while_the_service_is_away(rig: Rig) -> None:
    device, now = rig.enrol(), rig.now
    rig.service.faults = [Fault("POST /v1/rounds/check-in", times=5)]
    waits = []
    for _ in range(5):
        outcome = device.take_part(now)
        waits.append(outcome.until - now)
        now = outcome.until
    assert isinstance(device.take_part(now), Accepted)
    for wait_s, expected_s in zip(waits, [1.0, 2.0, 4.0, 8.0, 8.0], strict=True):
        assert 0.5 * expected_s <= wait_s <= 1.5 * expected_s


def test_failures_are_remembered_across_restarts(rig: Rig) -> None:
    now = rig.now
    rig.enrol()
    rig.service.faults = [Fault("POST /v1/rounds/check-in", times=3)]
    for expected_s in (1.0, 2.0, 4.0):
        outcome = rig.reopen().take_part(now)
        assert 0.5 * expected_s <= outcome.until - now <= 1.5 * expected_s
        now = outcome.until


def test_retry_after_is_honoured(rig: Rig) -> None:
    device = rig.enrol()
    fault = Fault("PUT /v1/updates", status=503, headers={"retry-after": "120"})
    rig.service.faults = [fault]
    failed = device.take_part(rig.now)
    assert rig.now + 120.0 <= failed.until <= rig.now + 180.0
    # After a restart the rest of the wait still holds.
    again = rig.reopen()
    assert again.take_part(rig.now + 60.0) == Waits(until=failed.until)
    assert isinstance(again.take_part(failed.until), Accepted)


def test_a_window_is_kept_across_a_restart(rig: Rig) -> None:
    rig.service.rounds_open = 0
    rig.service.retry = {"after_s": 100.0, "before_s": 200.0}
    told = rig.enrol().take_part(rig.now)
    assert rig.now + 100.0 <= told.until <= rig.now + 200.0
    assert rig.reopen().take_part(rig.now + 50.0) == Waits(until=told.until)


def test_a_restart_between_making_and_sending_sends_the_same_bytes_first(rig: Rig) -> None:
    device = rig.enrol()
    rig.service.faults = [Fault("PUT /v1/updates", status=503)]
    failed = device.take_part(rig.now)
    made = (device.folder / "pending.update").read_bytes().partition(b"\n")[2]
    n_requests = len(rig.service.log)
    accepted = rig.reopen(seed=99).take_part(failed.until)
    assert isinstance(accepted, Accepted)
    assert list(rig.service.updates.values()) == [made]
    sent = rig.service.log[n_requests:]
    assert [line.split("/")[2] for line in sent] == [
        "devices",  # a token, then the bytes, then the key that checks the receipt
        "updates",
        "jwks.json",
    ]
    assert not (device.folder / "pending.update").exists()


@pytest.mark.faults
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_device_killed_around_its_upload_counts_once(rig: Rig, moment: str) -> None:
    """kill -9 between storing and sending, and between sending and hearing the answer."""
    rig.enrol()
    once = "Device.open(sys.argv[1], transport=Deadly()).take_part(float(sys.argv[3]))"
    script = DEADLY + once
    command = [sys.executable, "-c", script, str(rig.folder / "a"), moment, str(rig.now)]
    killed = subprocess.run(command, cwd=ROOT, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert len(rig.service.updates) == (1 if moment == "after" else 0)
    made = (rig.folder / "a" / "pending.update").read_bytes().partition(b"\n")[2]
    accepted = rig.reopen(seed=5).take_part(rig.now)
    assert isinstance(accepted, Accepted)
    assert accepted.replayed == (moment == "after")
    assert list(rig.service.updates.values()) == [made]


@pytest.mark.parametrize(
    ("status", "reason"),
    [(404, "not_assigned"), (409, "update_conflict"), (410, "round_closed"), (422, "over_clip")],
)
def test_a_final_refusal_drops_the_bytes(rig: Rig, status: int, reason: str) -> None:
    device = rig.enrol()
    rig.service.faults = [Fault("PUT /v1/updates", status=status, reason=reason)]
    dropped = device.take_part(rig.now)
    assert isinstance(dropped, Dropped)
    assert dropped.reason == reason
    assert not (device.folder / "pending.update").exists()
    assert isinstance(device.take_part(dropped.until), Accepted)


def test_a_withdrawn_device_ends_and_asks_no_more(rig: Rig) -> None:
    device = rig.enrol()
    rig.service.faults = [Fault("POST /v1/rounds", status=403, reason="device_revoked", times=99)]
    assert isinstance(device.take_part(rig.now), Ended)
    n_requests = len(rig.service.log)
    device.take_part(rig.now + 1e9)
    assert len(rig.service.log) == n_requests


def test_an_expired_token_is_renewed_once(rig: Rig) -> None:
    device = rig.enrol()
    rig.service.tokens.clear()
    assert isinstance(device.take_part(rig.now), Accepted)
    assert rig.service.count("POST /v1/devices/a/tokens") == 1


def test_a_credential_that_is_never_taken_is_no_endless_loop(rig: Rig) -> None:
    device = rig.enrol()
    rig.service.faults = [Fault("POST /v1/rounds", status=401, reason="token_invalid", times=99)]
    failed = device.take_part(rig.now)
    assert isinstance(failed, Failed)
    assert rig.service.count("POST /v1/rounds") == 2
    assert rig.service.count("POST /v1/devices/a/tokens") == 1


def test_a_device_with_a_wrong_clock_still_gets_a_token(rig: Rig) -> None:
    rig.enrol()
    rig.service.clock_ahead_s = 86400.0
    assert isinstance(rig.reopen().take_part(rig.now), Accepted)
    assert rig.service.count("POST /v1/devices/a/tokens") == 2


@pytest.mark.parametrize(
    "changes", [{"assignment": {}}, {"retry": 5, "assignment": None}, {"token": None}]
)
def test_a_malformed_answer_is_waited_out(rig: Rig, changes: dict[str, object]) -> None:
    device = rig.enrol()
    rig.service.answer_changes = changes
    failed = device.take_part(rig.now)
    assert isinstance(failed, Failed)
    assert failed.reason == "malformed_answer"
    rig.service.answer_changes = {}
    assert isinstance(device.take_part(failed.until), Accepted)


def test_a_missing_bundle_gives_the_assignment_up(rig: Rig) -> None:
    device = rig.enrol()
    rig.service.faults = [Fault("GET /v1/models/1/bundles", status=404, reason="not_found")]
    dropped = device.take_part(rig.now)
    assert isinstance(dropped, Dropped)
    assert dropped.until == rig.now + 30.0


def test_a_damaged_pending_update_is_named_and_not_sent(rig: Rig) -> None:
    device = rig.enrol()
    rig.service.faults = [Fault("PUT /v1/updates", status=503)]
    device.take_part(rig.now)
    path = device.folder / "pending.update"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptedStateError, match=r"pending\.update is damaged"):
        rig.reopen()
    assert rig.service.updates == {}


def test_a_service_that_is_down_and_comes_back(rig: Rig) -> None:
    device = rig.enrol()
    rig.running.stop()
    failed = device.take_part(rig.now)
    assert isinstance(failed, Failed)
    assert failed.reason == "no_answer"
    rig.running.start()
    assert isinstance(device.take_part(failed.until), Accepted)


def test_three_requests_from_assignment_to_receipt(rig: Rig) -> None:
    device = rig.enrol()
    device.take_part(rig.now)
    n_requests = len(rig.service.log)
    for number in range(1, 4):
        assert isinstance(device.take_part(rig.now + number), Accepted)
    assert len(rig.service.log) - n_requests == 9
    # The map is fetched before the first assignment, not within it.
    assert rig.service.log.index("POST /v1/rounds/check-in") == 3
    assert [line.split(" ")[0] for line in rig.service.log[3:6]] == ["POST", "GET", "PUT"]


def test_devices_share_connections_and_nothing_of_a_round(rig: Rig) -> None:
    first, second = rig.enrol("a"), rig.enrol("b", seed=8)
    assert isinstance(first.take_part(rig.now), Accepted)
    assert isinstance(second.take_part(rig.now), Accepted)
    assert rig.service.count("GET /v1/models/1/bundles") == 2
    one, other = rig.service.updates.values()
    assert one[:44] == other[:44]
    assert one != other
