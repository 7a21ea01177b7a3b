"""What an operator does through the API: steer rounds, order them, go back to earlier versions.

Every method raises `ServiceProblem`. Repeating a request asks for what already is, and gets the
same answer; one that creates stays the same order with an `idempotency_key`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

from clients.python.service_answers import RollbackOrder, Round, RoundOrder

PAGE = 100


class OperatorRoutes(ABC):
    """The methods of an operator, for a client that holds a server key."""

    @abstractmethod
    def _call(
        self,
        method: str,
        path: str,
        *,
        value: Any = None,
        content: bytes | None = None,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]: ...

    @abstractmethod
    def _pages(self, path: str, limit: int) -> list[dict[str, Any]]: ...

    def round(self, round_id: int) -> Round:
        """One round."""
        return cast(Round, self._call("GET", f"/v1/rounds/{round_id}"))

    def order_round(
        self,
        settings: Mapping[str, float] | None = None,
        start: bool = True,
        idempotency_key: str | None = None,
    ) -> RoundOrder:
        """Order a round; the coordinator opens it when its turn comes.

        settings: what differs from the service's own: cohort_target, deadline_s, ... start: false
        has it wait, scheduled, until it is started.
        """
        body = {**(settings or {}), "start": start}
        found = self._call("POST", "/v1/rounds", value=body, idempotency_key=idempotency_key)
        return cast(RoundOrder, found)

    def start_round(self, round_id: int) -> Round:
        """Start a scheduled round."""
        return cast(Round, self._call("POST", f"/v1/rounds/{round_id}/start"))

    def pause_round(self, round_id: int, reason: str = "operator") -> Round:
        """Hold a round: no new leases, and no update is lost. reason: a code in snake_case."""
        return self._steer(round_id, "pause", reason)

    def resume_round(self, round_id: int, reason: str = "operator") -> Round:
        """Let a round go on; its deadline moves by the time that it was held."""
        return self._steer(round_id, "resume", reason)

    def abandon_round(self, round_id: int, reason: str = "operator") -> Round:
        """End a round without a version; its updates are discarded."""
        return self._steer(round_id, "abandon", reason)

    def retry_round(self, round_id: int) -> RoundOrder:
        """Order an abandoned round once more, with its settings."""
        return cast(RoundOrder, self._call("POST", f"/v1/rounds/{round_id}/retry"))

    def round_orders(self, limit: int = PAGE) -> list[RoundOrder]:
        """The newest orders of rounds, newest first."""
        return cast(list[RoundOrder], self._pages("/v1/round-orders", limit))

    def round_order(self, order_id: int) -> RoundOrder:
        """One order: whether it waits, or which round it became."""
        return cast(RoundOrder, self._call("GET", f"/v1/round-orders/{order_id}"))

    def roll_back(self, version: int, idempotency_key: str | None = None) -> RollbackOrder:
        """Order that all rows of an earlier version serve again, in a new version."""
        path = f"/v1/models/{version}/rollback"
        return cast(RollbackOrder, self._call("POST", path, idempotency_key=idempotency_key))

    def roll_back_row(
        self, item_id: str, version: int, idempotency_key: str | None = None
    ) -> RollbackOrder:
        """Order that one item's row is as it was in an earlier version."""
        found = self._call(
            "POST",
            "/v1/models/rows/rollback",
            value={"item_id": item_id, "version": version},
            idempotency_key=idempotency_key,
        )
        return cast(RollbackOrder, found)

    def rollback_order(self, order_id: str) -> RollbackOrder:
        """What became of an order to go back."""
        path = f"/v1/models/orders/{quote(order_id, safe='')}"
        return cast(RollbackOrder, self._call("GET", path))

    def _steer(self, round_id: int, move: str, reason: str) -> Round:
        path = f"/v1/rounds/{round_id}/{move}"
        return cast(Round, self._call("POST", path, value={"reason": reason}))
