"""The API for an app's backend and its operators; with a server key.

Every method raises `ServiceProblem` when the service refuses or does not answer. Nothing is
repeated by itself; what is said to be repeatable may be called again after a failure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote, urlencode

import numpy as np
import numpy.typing as npt

from clients.python.answers import Failure, read_json
from clients.python.closing import Closing
from clients.python.operator_routes import PAGE, OperatorRoutes
from clients.python.problems import ServiceProblem
from clients.python.service_answers import (
    EventsReceipt,
    ImportReport,
    RecommendationList,
    Round,
    StoredEvent,
    User,
    UserToken,
    Version,
    VersionManifest,
)
from clients.python.service_batches import EventBody, event_bodies, import_bodies
from clients.python.transport import Transport, check_base_url


class ServiceClient(OperatorRoutes, Closing):
    """Items, users, events and recommendations, beside what an operator does.

    Speaks with a server key. Close it, or use it as a context manager; safe for many threads.
    """

    def __init__(self, base_url: str, server_key: str, transport: Transport | None = None) -> None:
        self.base_url = check_base_url(base_url)
        self._key = server_key
        self._owned = transport is None
        self._transport = transport or Transport()

    def ready(self) -> dict[str, Any]:
        """The service's status, "ready" or "degraded", and its stores. A 503 raises."""
        return self._call("GET", "/readyz")

    def import_items(self, items: Iterable[Mapping[str, Any]]) -> ImportReport:
        """Create or replace items; repeatable. Bad lines are reported, good ones stored.

        items: `id` and content: title, categories, brand, creators, price, tags.
        """
        report = ImportReport(created=0, replaced=0, unchanged=0, rejected=0, errors=[])
        lines_before = 0
        for body, n_lines in import_bodies(items):
            found = cast(ImportReport, self._call("POST", "/v1/items:import", content=body))
            report["created"] += found["created"]
            report["replaced"] += found["replaced"]
            report["unchanged"] += found["unchanged"]
            report["rejected"] += found["rejected"]
            for error in found["errors"]:
                report["errors"].append({**error, "line": lines_before + error["line"]})
            lines_before += n_lines
        return report

    def delete_item(self, item_id: str) -> None:
        """Take an item off every list; repeatable."""
        self._call("DELETE", f"/v1/items/{_segment(item_id)}")

    def put_user(
        self, user_id: str, mode: str = "device", history_received: str | None = None
    ) -> User:
        """Create a user or change the privacy mode; repeatable.

        mode: "device", "vector" or "hosted". history_received: digest of the exported history,
        which leaving "hosted" asks for.
        """
        body = {"mode": mode}
        if history_received is not None:
            body["history_received"] = history_received
        return cast(User, self._call("PUT", f"/v1/users/{_segment(user_id)}", value=body))

    def user(self, user_id: str) -> User:
        """A user and the privacy mode."""
        return cast(User, self._call("GET", f"/v1/users/{_segment(user_id)}"))

    def user_events(self, user_id: str, limit: int = PAGE) -> list[StoredEvent]:
        """The newest events that the service holds of a user, newest first; none unless hosted."""
        found = self._pages(f"/v1/users/{_segment(user_id)}/events", limit)
        return cast(list[StoredEvent], found)

    def delete_user(self, user_id: str) -> dict[str, Any]:
        """Erase a user. Returns what was done, with the service's signature over it: keep it."""
        return self._call("DELETE", f"/v1/users/{_segment(user_id)}")

    def user_token(self, user_id: str) -> UserToken:
        """A short-lived token for the user's page or phone."""
        return cast(UserToken, self._call("POST", f"/v1/users/{_segment(user_id)}/tokens"))

    def enrolment_code(self, user_id: str, replaces: bool = False) -> str:
        """A code with which one device of the user may enrol; the service shows it once.

        replaces: without the approval of a device that is there: for devices that are lost.
        """
        path = f"/v1/users/{_segment(user_id)}/enrolment-codes"
        found = self._call("POST", path, value={"replaces": replaces})
        return cast(str, found["code"])

    def revoke_device(self, device_id: str) -> None:
        """End a device's enrolment, at once; repeatable."""
        self._call("DELETE", f"/v1/devices/{_segment(device_id)}")

    def post_events(self, events: Iterable[EventBody]) -> EventsReceipt:
        """Store events of hosted users, in batches; repeatable, since an event id counts once."""
        total = EventsReceipt(accepted=0, duplicates=0)
        for body in event_bodies(events):
            receipt = self._call("POST", "/v1/events", value=body)
            total["accepted"] += receipt["accepted"]
            total["duplicates"] += receipt["duplicates"]
        return total

    def recommendations(
        self, user_id: str, k: int = 20, exclude: Sequence[str] = (), reasons: bool = True
    ) -> RecommendationList:
        """For a user whose history is hosted, or whose device posted a vector."""
        query = [("limit", str(k)), ("reasons", str(reasons).lower())]
        query += [("exclude", item_id) for item_id in exclude]
        path = f"/v1/users/{_segment(user_id)}/recommendations?{urlencode(query)}"
        return cast(RecommendationList, self._call("GET", path))

    def recommendations_for_session(
        self, items: Sequence[tuple[str, str | None]], k: int = 20, exclude: Sequence[str] = ()
    ) -> RecommendationList:
        """For an anonymous session. items: (item id, event type or None), oldest first."""
        session = [{"item_id": item, "type": kind} for item, kind in items]
        body = {"session": session, "limit": k, "exclude": list(exclude)}
        return cast(RecommendationList, self._call("POST", "/v1/recommendations", value=body))

    def recommendations_for_vector(
        self,
        vector: npt.NDArray[np.float32],
        model_version: int,
        k: int = 20,
        user_id: str | None = None,
    ) -> RecommendationList:
        """For a user vector (d,) that a device computed. user_id: keep it for a while."""
        body: dict[str, Any] = {"user_vector": vector.tolist(), "model_version": model_version}
        body |= {"limit": k} if user_id is None else {"limit": k, "user_id": user_id}
        return cast(RecommendationList, self._call("POST", "/v1/recommendations", value=body))

    def similar_items(self, item_id: str, k: int = 20) -> RecommendationList:
        """Items like an item."""
        path = f"/v1/items/{_segment(item_id)}/similar?limit={k}"
        return cast(RecommendationList, self._call("GET", path))

    def popular(self, k: int = 20) -> RecommendationList:
        """Popular items."""
        return cast(RecommendationList, self._call("GET", f"/v1/popular?limit={k}"))

    def rounds(self, limit: int = PAGE) -> list[Round]:
        """The newest rounds, newest first."""
        return cast(list[Round], self._pages("/v1/rounds", limit))

    def versions(self, limit: int = PAGE) -> list[Version]:
        """The newest model versions, newest first."""
        return cast(list[Version], self._pages("/v1/models", limit))

    def current_version(self) -> VersionManifest | None:
        """The manifest of the version that serves; None before there is one."""
        try:
            return cast(VersionManifest, self._call("GET", "/v1/models/current"))
        except ServiceProblem as problem:
            if problem.status == 404:
                return None
            raise

    def close(self) -> None:
        """Close the connections, unless they are shared."""
        if self._owned:
            self._transport.close()

    def _pages(self, path: str, limit: int) -> list[dict[str, Any]]:
        """Entries of a list, page by page, up to `limit`."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(found) < limit:
            size = {"limit": str(min(PAGE, limit - len(found)))}
            query = urlencode(size | ({"cursor": cursor} if cursor else {}))
            page = self._call("GET", f"{path}?{query}")
            found += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        return found

    def _call(
        self,
        method: str,
        path: str,
        *,
        value: Any = None,
        content: bytes | None = None,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        headers = {"Content-Type": "application/x-ndjson"} if content is not None else {}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        answer = self._transport.send(
            method,
            self.base_url + path,
            token=self._key,
            headers=headers,
            content=content,
            value=value,
        )
        if isinstance(answer, Failure):
            raise ServiceProblem(answer)
        found = read_json(answer) if answer.body else {}
        if isinstance(found, Failure):
            raise ServiceProblem(found)
        return found


def _segment(identifier: str) -> str:
    """One path segment of any characters."""
    if identifier in (".", ".."):  # as they are, they would mean this folder and the one above
        return identifier.replace(".", "%2E")
    return quote(identifier, safe="")
