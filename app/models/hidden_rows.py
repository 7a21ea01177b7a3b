"""Rows that must not be listed any more, ahead of the model version that will not hold them."""

from collections.abc import Iterable

from app.models.served_model import ServedModel
from app.models.serving_repository import RowState
from recsys.arrays import Bools


class HiddenRows:
    """What this worker hid itself, and what it learnt of the others' deletions.

    A local change applies at once. Two of them may arrive in another order than they were
    committed in, and a look at the database may be older than a local change. So every local change
    is checked against a look that began after it; an older look leaves its row alone.
    """

    def __init__(self) -> None:
        self._hidden: set[int] = set()
        self._unchecked: set[int] = set()
        self._served: dict[int, tuple[ServedModel, Bools]] = {}

    @property
    def has_unchecked(self) -> bool:
        """Whether a local change still waits for its look."""
        return bool(self._unchecked)

    def hide(self, row: int) -> None:
        """The item of this row was deleted here."""
        self._unchecked.add(row)
        self._set(row, hidden=True)

    def reveal(self, row: int) -> None:
        """The item of this row came back here."""
        self._unchecked.add(row)
        self._set(row, hidden=False)

    def begin_look(self) -> set[int]:
        """Rows that a look at the database, begun now, has to check."""
        checking, self._unchecked = self._unchecked, set()
        return checking

    def abandon_look(self, checking: set[int]) -> None:
        """The look failed: the next one checks these rows as well."""
        self._unchecked |= checking

    def apply_look(self, states: Iterable[RowState]) -> None:
        """What the database said, but for rows that changed here since `begin_look`."""
        for state in states:
            if state.row not in self._unchecked:
                self._set(state.row, hidden=not state.is_live)

    def serve(self, models: Iterable[ServedModel]) -> None:
        """From now on these versions are served; rows that none of them holds are forgotten."""
        kept = list(models)
        held = {row for row in self._hidden if any(_holds(model, row) for model in kept)}
        self._hidden = held | (self._hidden & self._unchecked)
        self._served = {model.version: (model, self._mask(model)) for model in kept}

    def listable(self, model: ServedModel) -> Bools:
        """(n_rows,) rows of a version that may be listed now. Not to be written to."""
        served = self._served.get(model.version)
        # A version may be retired while a request still holds it.
        return self._mask(model) if served is None else served[1]

    def _set(self, row: int, *, hidden: bool) -> None:
        (self._hidden.add if hidden else self._hidden.discard)(row)
        for model, mask in self._served.values():
            if row < model.table.n_rows:
                mask[row] = model.live[row] and not hidden

    def _mask(self, model: ServedModel) -> Bools:
        mask = model.live.copy()
        mask[[row for row in self._hidden if row < model.table.n_rows]] = False
        return mask


def _holds(model: ServedModel, row: int) -> bool:
    return row < model.table.n_rows and bool(model.live[row])
