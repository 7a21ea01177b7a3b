"""The device's folder: everything that must outlive the process, one file per concern.

    key.pem            the device's P-256 key, mode 0600
    identity.json      which service, which device, which user
    events.jsonl       what the user did (`event_log`)
    tower.safetensors  the adapted user tower
    pending.update     an update that was made and not yet acknowledged: a JSON line, then its bytes
    schedule.json      when to come back, drawn when the service said so
    participations.json
                       how often it took part, by its own count (`participation_ledger`)
    receipts/, receipt-keys.json, chain.json
                       what the service signed, and its audit chain as last seen (`receipt_book`)
    model/             item table and catalogue map as downloaded (`model_store`)

Every file is replaced whole, so that a crash leaves the old one or the new one. A file that holds
something else raises `CorruptedStateError`, which names it.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors.numpy import save

from clients.python.durable_files import CorruptedStateError, make_private_folder, replace_file
from clients.python.event_log import EventLog
from clients.python.keystore import DeviceKey
from clients.python.participation_ledger import ParticipationLedger, TakenPart
from clients.python.receipt_book import ReceiptBook
from clients.python.tensors import read_tensors
from federation.canonical import digest
from federation.strict_fields import (
    read_object,
    require_digest,
    require_fields,
    require_int,
    require_number,
    require_text,
)
from recsys.user_tower import UserTower

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Identity:
    """Who this device is, and at which service."""

    base_url: str
    device_id: str
    user_id: str


@dataclass(frozen=True)
class PendingUpload:
    """An update between its making and its receipt. The same bytes are sent until an answer comes.

    url: where the service said to put it; digest: of `body`; signature: the envelope, made once, so
    that the one whose digest the service keeps is the one that is at hand.
    """

    assignment: str
    round: int
    url: str
    digest: str
    body: bytes
    signature: str


@dataclass(frozen=True)
class Schedule:
    """When to turn to the service again.

    not_before, written_at: Unix seconds by the device's clock; failures: in a row, of one request.
    """

    not_before: float = 0.0
    written_at: float = 0.0
    failures: int = 0

    def until(self, now: float) -> float:
        """When to come back, seen from `now`; never later than the wait that was drawn.

        A clock that was set back does not make the wait longer than it was.
        """
        return min(self.not_before, now + max(0.0, self.not_before - self.written_at))


@dataclass(frozen=True)
class StoredTower:
    """A user tower with what it was adapted to: the model version, and how many events."""

    tower: UserTower
    model_version: int
    n_events: int


class DeviceFolder:
    """Reads and writes the files of one device."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        make_private_folder(folder)
        self.events = EventLog(folder / "events.jsonl")
        self.receipts = ReceiptBook(folder)

    @property
    def key_path(self) -> Path:
        """Where the key lies."""
        return self.path / "key.pem"

    def open_key(self) -> DeviceKey:
        """The key of an enrolled device. Raises: CorruptedStateError when it is gone."""
        try:
            return DeviceKey.open(self.key_path)
        except FileNotFoundError:
            raise CorruptedStateError(self.key_path, "it is gone") from None

    def identity(self) -> Identity | None:
        """Who the device is; None before it is enrolled."""
        return self._read("identity.json", lambda body: Identity(**_texts(body, Identity)))

    def save_identity(self, identity: Identity) -> None:
        """Store who the device is: from here on it is enrolled."""
        self._write_json("identity.json", asdict(identity))

    def schedule(self) -> Schedule:
        """When to come back; at once, if nothing was ever stored."""
        return self._read("schedule.json", _read_schedule) or Schedule()

    def save_schedule(self, schedule: Schedule) -> None:
        """Store when to come back."""
        self._write_json("schedule.json", asdict(schedule))

    def pending(self) -> PendingUpload | None:
        """The update that awaits its receipt."""
        return self._read("pending.update", _read_pending)

    def save_pending(self, pending: PendingUpload) -> None:
        """Store an update; from here on a restart sends these bytes and no others."""
        header = {"assignment": pending.assignment, "round": pending.round, "url": pending.url}
        header |= {"digest": pending.digest, "signature": pending.signature}
        line = json.dumps(header).encode()
        replace_file(self.path / "pending.update", line, b"\n", pending.body)

    def drop_pending(self) -> None:
        """Forget the update.

        Not synced: should a power cut bring the file back, the same bytes go out once more and the
        service answers with the same receipt.
        """
        (self.path / "pending.update").unlink(missing_ok=True)

    def participations(self) -> ParticipationLedger:
        """How often the device took part; never, if nothing was ever stored."""
        return self._read("participations.json", _read_participations) or ParticipationLedger()

    def save_participations(self, ledger: ParticipationLedger) -> None:
        """Store how often the device took part."""
        self._write_json("participations.json", asdict(ledger))

    def tower(self) -> StoredTower | None:
        """The adapted user tower; None before the first adaptation."""
        return self._read("tower.safetensors", _read_tower)

    def save_tower(self, stored: StoredTower) -> None:
        """Store an adapted tower; the one before goes."""
        tower = stored.tower
        tensors = {
            "residual": np.ascontiguousarray(tower.residual, np.float32),
            "log_gains": np.ascontiguousarray(tower.log_gains, np.float32),
            "log_type_weights": np.ascontiguousarray(tower.log_type_weights, np.float32),
        }
        about = {"model_version": str(stored.model_version), "n_events": str(stored.n_events)}
        replace_file(self.path / "tower.safetensors", save(tensors, about))

    def _read(self, name: str, parse: Callable[[bytes], Kept]) -> Kept | None:
        path = self.path / name
        try:
            body = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return parse(body)
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptedStateError(path, str(error)) from error

    def _write_json(self, name: str, value: dict[str, Any]) -> None:
        replace_file(self.path / name, json.dumps(value, allow_nan=False).encode())


def _texts(body: bytes, kind: type) -> dict[str, str]:
    names = list(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    fields = require_fields(read_object(body), names)
    return {name: require_text(fields[name], name) for name in names}


def _read_schedule(body: bytes) -> Schedule:
    fields = require_fields(read_object(body), ["not_before", "written_at", "failures"])
    return Schedule(
        require_number(fields["not_before"], "not_before"),
        require_number(fields["written_at"], "written_at"),
        require_int(fields["failures"], "failures", 0),
    )


def _read_participations(body: bytes) -> ParticipationLedger:
    fields = require_fields(read_object(body), ["earlier", "taken"])
    if not isinstance(fields["taken"], list):
        raise ValueError("taken: must be a list")
    taken = tuple(_read_taken_part(one) for one in fields["taken"])
    return ParticipationLedger(require_int(fields["earlier"], "earlier", 0), taken)


def _read_taken_part(value: object) -> TakenPart:
    fields = require_fields(value, ["assignment", "round", "is_final"])
    if not isinstance(fields["is_final"], bool):
        raise ValueError("is_final: must be true or false")
    return TakenPart(
        require_text(fields["assignment"], "assignment"),
        require_int(fields["round"], "round", 0),
        fields["is_final"],
    )


def _read_pending(body: bytes) -> PendingUpload:
    line, newline, update = body.partition(b"\n")
    if not newline:
        raise ValueError("it has no header line")
    names = ["assignment", "round", "url", "digest", "signature"]
    fields = require_fields(read_object(line), names)
    pending = PendingUpload(
        require_text(fields["assignment"], "assignment"),
        require_int(fields["round"], "round", 0),
        require_text(fields["url"], "url"),
        require_digest(fields["digest"], "digest"),
        update,
        require_text(fields["signature"], "signature"),
    )
    if digest(update) != pending.digest:
        raise ValueError("its bytes are not those of its digest")
    return pending


def _read_tower(body: bytes) -> StoredTower:
    shapes = {"residual": 1, "log_gains": 1, "log_type_weights": 1}
    tensors, about = read_tensors(body, {name: ("F32", rank) for name, rank in shapes.items()})
    if not all(np.isfinite(array).all() for array in tensors.values()):
        raise ValueError("it holds values that are not finite")
    if tensors["log_gains"].shape != (2,):
        raise ValueError("log_gains must be (2,)")
    tower = UserTower(tensors["residual"], tensors["log_gains"], tensors["log_type_weights"])
    return StoredTower(tower, int(about["model_version"]), int(about["n_events"]))
