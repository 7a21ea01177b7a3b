"""Rows of the items in the user's own history, looked up in the newest catalogue map."""

from clients.python.event_log import EventLog
from clients.python.model_store import ModelStore


class OwnRows:
    """Keeps what was looked up: the map itself, large as the catalogue, is read and let go.

    A row never changes its item, so that rows from an old map stay right.
    """

    def __init__(self, events: EventLog, models: ModelStore) -> None:
        self._events = events
        self._models = models
        self._known: dict[str, int] = {}
        self._seen: tuple[str | None, int] = (None, 0)

    def rows(self) -> dict[str, int]:
        """Item id -> row, of the known items in the history."""
        events = self._events.read()
        now = (self._models.catalogue_digest(), len(events))
        if now != self._seen:
            wanted = {event.item_id for event in events}
            if not wanted <= self._known.keys():
                row_of = self._models.catalogue() or {}
                self._known |= {item: row_of[item] for item in wanted if item in row_of}
            self._seen = now
        return self._known

    def any_unknown(self) -> bool:
        """Whether the history has items that no map so far has named."""
        known = self.rows()
        return any(event.item_id not in known for event in self._events.read())
