"""A device: one user's history and tower at home, taking part in rounds and ranking by itself.

    device = Device.enrol(Path("phone"), "https://shop.example", code)
    device.record("sku-1", "view", at=time.time())
    device.run(stop=lambda: False)          # or take_part() now and then
    device.recommend(k=10)

One thread at a time may use a device; several may share a transport and a model store.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

import numpy as np

from clients.python.answers import Failure
from clients.python.closing import Closing
from clients.python.connection import Connection, enrol
from clients.python.keystore import DeviceKey
from clients.python.model_store import LocalModel, ModelStore
from clients.python.model_sync import Synced, sync_model
from clients.python.objections import Objection
from clients.python.options import DeviceOptions
from clients.python.outcomes import Ended, Outcome
from clients.python.participation import Participation
from clients.python.personal_ranking import (
    Personal,
    Recommendation,
    UserVector,
    fitting_tower,
)
from clients.python.problems import NotEnrolledError, ServiceProblem
from clients.python.receipt_audit import DeviceAudit, audit_receipts
from clients.python.session import Session
from clients.python.state import DeviceFolder, Identity, StoredTower
from clients.python.transport import Transport, check_base_url
from federation.device_claims import ApprovalClaims
from recsys.adaptation import adapt
from recsys.datasets.interactions import Event

OnOutcome = Callable[[Outcome], None]


class Device(Closing):
    """Made by `enrol` or `open`. Close it, or use it as a context manager."""

    def __init__(
        self,
        folder: DeviceFolder,
        identity: Identity,
        key: DeviceKey,
        transport: Transport | None = None,
        models: ModelStore | None = None,
        options: DeviceOptions | None = None,
        token: str | None = None,
        nonce: str | None = None,
    ) -> None:
        self.identity = identity
        self._folder = folder
        self._options = options or DeviceOptions()
        self._owned = transport is None
        self._transport = transport or Transport()
        self._models = models or ModelStore(folder.path / "model")
        # Apart, so that how often a device had to wait does not change what it trains on.
        training, waits = np.random.default_rng(self._options.seed).spawn(2)
        self._connection = Connection(
            self._transport,
            identity.base_url,
            identity.device_id,
            key,
            self._options.clock,
            token,
            nonce,
        )
        self._session = Session(self._options.retry, waits.uniform)
        self._rounds = Participation(
            folder,
            identity.base_url,
            self._connection,
            self._models,
            self._session,
            self._options.limits,
            training,
        )
        self._sync_failures, self._sync_not_before = 0, 0.0

    @classmethod
    def enrol(
        cls,
        folder: Path | str,
        base_url: str,
        code: str,
        *,
        approval: str | None = None,
        transport: Transport | None = None,
        models: ModelStore | None = None,
        options: DeviceOptions | None = None,
    ) -> Self:
        """Make a key in `folder` and enrol it with a code; repeatable with the same code.

        approval: what `approve` of another device of the user gave, where there is one.
        Raises: ServiceProblem when the service refuses or does not answer; ValueError for a
        base_url that is none, or a folder that belongs to a device of another service.
        """
        base_url = check_base_url(base_url)
        files = DeviceFolder(Path(folder))
        known = files.identity()
        if known is not None and known.base_url != base_url:
            raise ValueError(f"{folder} belongs to a device of {known.base_url}")
        # The key first: should the answer get lost, the same key redeems the same code again.
        key = DeviceKey.open_or_create(files.key_path)
        through = transport or Transport()
        found = enrol(through, base_url, code, key, approval)
        if transport is None:
            through.close()
        if isinstance(found, Failure):
            raise ServiceProblem(found)
        identity = Identity(base_url, found.device_id, found.user_id)
        files.save_identity(identity)
        return cls(files, identity, key, transport, models, options, found.token, found.nonce)

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        transport: Transport | None = None,
        models: ModelStore | None = None,
        options: DeviceOptions | None = None,
    ) -> Self:
        """A device that was enrolled before.

        Raises: NotEnrolledError; CorruptedStateError, which names the file.
        """
        if not Path(folder).is_dir():
            raise NotEnrolledError(f"there is no folder {folder}")
        files = DeviceFolder(Path(folder))
        identity = files.identity()
        if identity is None:
            raise NotEnrolledError(f"{folder} holds no enrolled device")
        return cls(files, identity, files.open_key(), transport, models, options)

    @property
    def folder(self) -> Path:
        """Where all that is the device's lies."""
        return self._folder.path

    @property
    def events(self) -> tuple[Event, ...]:
        """What the user did, oldest first."""
        return self._folder.events.read()

    def record(self, item_id: str, type: str, at: float) -> None:
        """Keep one event, on the disk before this returns. at: Unix seconds."""
        self.record_all([Event(item_id, type, at)])

    def record_all(self, events: Iterable[Event]) -> None:
        """Keep many events with one write. Raises: ValueError for one that is none."""
        self._folder.events.append(events)

    def approve(self, code: str, thumbprint: str) -> str:
        """The approval by which another device of this user may enrol its key with a code."""
        return self._folder.open_key().approval(ApprovalClaims(code, thumbprint))

    def take_part(self, now: float | None = None) -> Outcome:
        """One attempt to take part in a round; `until` of its outcome says when to try again."""
        return self._rounds.attempt(self._options.clock() if now is None else now)

    def audit(self) -> DeviceAudit | Failure | Objection:
        """Prove by every receipt what became of its update, and check the audit chain.

        Raises: CorruptedStateError.
        """
        return audit_receipts(self._connection, self._folder.receipts)

    def sync(self) -> Synced | Failure | Objection:
        """Download what is new of the service's current model version."""
        return sync_model(self._connection, self._models)

    def adapt(self) -> StoredTower | None:
        """Fit the user tower to the own history and the downloaded version; None before a sync."""
        model, events = self._models.load(), self.events
        if model is None:
            return None
        manifest, own = model.manifest, self._personal(model).own
        settings = self._options.adaptation
        tower = adapt(model.table, manifest.scalars, own.history, model.live, settings)
        stored = StoredTower(tower, manifest.version, len(events))
        self._folder.save_tower(stored)
        return stored

    def recommend(self, k: int = 20, reasons: bool = True) -> list[Recommendation]:
        """The k best items that the user has not touched, ranked here; empty before a sync."""
        model = self._models.load()
        return self._personal(model).recommend(k, reasons) if model else []

    def user_vector(self) -> UserVector | None:
        """The vector that a `vector` user posts to be ranked by the service; None before a sync."""
        model = self._models.load()
        return self._personal(model).vector() if model else None

    def run(
        self, stop: Callable[[], bool] = lambda: False, on_outcome: OnOutcome | None = None
    ) -> None:
        """Take part, wait and adapt until `stop` says so or the enrolment is withdrawn."""
        while not stop():
            outcome = self.take_part()
            if on_outcome is not None:
                on_outcome(outcome)
            if isinstance(outcome, Ended):
                return
            self._follow()
            while not stop() and (left_s := outcome.until - self._options.clock()) > 0:
                self._options.sleep(min(left_s, self._options.look_every_s))
                self._follow()

    def close(self) -> None:
        """Close the connections, unless they are shared."""
        if self._owned:
            self._transport.close()

    def _personal(self, model: LocalModel) -> Personal:
        tower = fitting_tower(self._folder.tower(), model.manifest.scalars, model.table.dim)
        return Personal(model, tower, self.events)

    def _follow(self) -> None:
        """Download a version that a check-in spoke of, and adapt to it or to new events."""
        here, newest = self._models.manifest(), self._rounds.newest_version
        if newest is not None and (here is None or here.version < newest):
            self._sync_when_due(self._options.clock())
            here = self._models.manifest()
        if here is None:
            return
        adapted = self._folder.tower()
        wanted = (here.version, len(self.events))
        if adapted is None or (adapted.model_version, adapted.n_events) != wanted:
            self.adapt()

    def _sync_when_due(self, now: float) -> None:
        if now < self._sync_not_before:
            return
        failures = 0 if isinstance(self.sync(), Synced) else self._sync_failures + 1
        wait_s = self._session.backoff_s(failures) if failures else 0.0
        self._sync_failures, self._sync_not_before = failures, now + wait_s
