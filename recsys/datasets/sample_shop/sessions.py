"""How one shopper of the sample shop spends 120 days: sessions of views, carts and purchases."""

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from recsys.datasets.interactions import Event
from recsys.datasets.sample_shop.catalogue import SHELVES, Catalogue
from recsys.datasets.sample_shop.tastes import Taste

END_UNIX_S = datetime(2025, 6, 30, tzinfo=UTC).timestamp()
DAYS = 120
DAY_S = 86400

EVENTS_MIN, EVENTS_MAX = 60, 200
PURCHASES_MIN = 5
SESSION_EVENTS_MAX = 12
BUYING_EVENTS_MIN = 3  # one view, the cart, the purchase

BUYS = 0.4  # share of the sessions that are long enough
FILLS_CART = 0.3  # of the sessions that do not buy
FOLLOWS_PURCHASE = 0.5  # next session goes to a shelf that the last purchase leads to
RESUMES = 0.3  # next session goes on where the last one left without buying
STRAYS = 0.22  # share of views that catch the eye on any shelf

# Changes of utility and interest by a purchase, in the units of `tastes`.
OWNED, RUNS_OUT = -4.0, 1.0
SATED = -2.0

# For each shelf the numbers of the shelves that a purchase there leads to.
_LEADS_TO = tuple(
    tuple(
        i
        for i, (other_department, other) in enumerate(SHELVES)
        if other_department == department and other.name in shelf.leads_to
    )
    for department, shelf in SHELVES
)


def shop(catalogue: Catalogue, taste: Taste, rng: np.random.Generator) -> tuple[Event, ...]:
    """One shopper's events, oldest first: 60 to 200, at least 5 purchases."""
    shopper = _Shopper(catalogue, taste, rng)
    sizes = _session_sizes(rng)
    buying = _buying_sessions(sizes, rng)
    starts_s = _session_starts(len(sizes), rng)
    events: list[Event] = []
    for size, buys, start_s in zip(sizes, buying, starts_s, strict=True):
        progress = 1 - (END_UNIX_S - start_s) / (DAYS * DAY_S)
        visit = shopper.visit(int(size), bool(buys), progress)
        gaps_s = rng.integers(15, 240, len(visit))
        for (row, type), at in zip(visit, start_s + np.cumsum(gaps_s), strict=True):
            events.append(Event(catalogue.records[row].id, type, float(at)))
    return tuple(events)


class _Shopper:
    """Walks through the shop. Its utilities and interests change with what it buys."""

    def __init__(self, catalogue: Catalogue, taste: Taste, rng: np.random.Generator) -> None:
        self.catalogue, self.taste, self.rng = catalogue, taste, rng
        self.utility = taste.utility.copy()
        self.sated = np.zeros(len(SHELVES))
        self.unfinished: int | None = None  # shelf of the last session, if it bought nothing
        self.wanted: tuple[int, ...] = ()  # shelves that the last purchase leads to

    def visit(self, n_events: int, buys: bool, progress: float) -> list[tuple[int, str]]:
        """One session as (item row, event type): views of one shelf, perhaps a cart, a purchase."""
        shelf = self._mission(progress)
        fills_cart = buys or (n_events > 1 and self.rng.random() < FILLS_CART)
        viewed = self._views(shelf, n_events - fills_cart - buys)
        visit = [(row, "view") for row in viewed]
        if fills_cart:
            row = self._decide(shelf, viewed)
            visit.insert(viewed.index(row) + 1, (row, "cart"))
            if buys:
                visit.append((row, "purchase"))
                self._bought(row, shelf)
        self.unfinished = None if buys else shelf
        return visit

    def _mission(self, progress: float) -> int:
        """The shelf of this session."""
        if self.wanted and self.rng.random() < FOLLOWS_PURCHASE:
            shelf = self.wanted[int(self.rng.integers(len(self.wanted)))]
            self.wanted = ()
            return shelf
        if self.unfinished is not None and self.rng.random() < RESUMES:
            return self.unfinished
        return self._most(self.taste.interest(progress) + self.sated)

    def _views(self, shelf: int, n_views: int) -> list[int]:
        """Rows viewed, in random order: at least one of the shelf, the others perhaps of any."""
        n_strays = min(int(self.rng.binomial(n_views, STRAYS)), n_views - 1)
        on_shelf = self.catalogue.items_of_shelf[shelf]
        noisy = self.utility[on_shelf] + self.rng.gumbel(size=len(on_shelf))
        rows = list(on_shelf[np.argsort(-noisy)[: n_views - n_strays]])
        rows.extend(self._most(self.utility) for _ in range(n_views - len(rows)))
        return [int(row) for row in self.rng.permutation(rows)]

    def _decide(self, shelf: int, viewed: list[int]) -> int:
        """The viewed item of this shelf that goes into the cart."""
        on_shelf = set(self.catalogue.items_of_shelf[shelf].tolist())
        rows = [row for row in viewed if row in on_shelf]
        return rows[self._most(self.utility[rows])]

    def _bought(self, row: int, shelf: int) -> None:
        kind = SHELVES[shelf][1].kind
        self.utility[row] += RUNS_OUT if kind == "consumed" else OWNED
        if kind == "durable":
            self.sated[shelf] += SATED
        self.wanted = _LEADS_TO[shelf]

    def _most(self, log_weights: NDArray[np.float64]) -> int:
        """An index drawn with probability proportional to exp(log-weight): the Gumbel trick."""
        return int(np.argmax(log_weights + self.rng.gumbel(size=len(log_weights))))


def _session_sizes(rng: np.random.Generator) -> NDArray[np.int64]:
    """Events of each session: mostly short, some long, enough of them long enough to buy in."""
    n_events = int(np.clip(rng.lognormal(np.log(105), 0.35), EVENTS_MIN, EVENTS_MAX))
    while True:
        sizes = np.minimum(1 + rng.geometric(0.2, n_events), SESSION_EVENTS_MAX)
        ends = np.cumsum(sizes)
        n_sessions = int(np.searchsorted(ends, n_events)) + 1
        sizes = sizes[:n_sessions]
        sizes[-1] -= ends[n_sessions - 1] - n_events
        if np.count_nonzero(sizes >= BUYING_EVENTS_MIN) >= PURCHASES_MIN:
            return sizes


def _buying_sessions(sizes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which sessions end with a purchase: (n_sessions,) bool, at least 5 are True."""
    able = np.flatnonzero(sizes >= BUYING_EVENTS_MIN)
    n_buying = max(PURCHASES_MIN, int(rng.binomial(len(able), BUYS)))
    buying = np.zeros(len(sizes), dtype=bool)
    buying[rng.choice(able, n_buying, replace=False)] = True
    return buying


def _session_starts(n: int, rng: np.random.Generator) -> list[float]:
    """Unix seconds at which each of `n` sessions begins, ascending, mostly in the evening.

    At most one session begins in an hour, within its first ten minutes, so that none overlaps: the
    longest takes 48 minutes (12 events, 4 minutes apart).
    """
    hour = np.arange(24)
    liking = 0.1 + np.exp(-0.5 * ((hour - 20) / 3.0) ** 2)
    weights = np.tile(liking, DAYS)
    slots = rng.choice(DAYS * 24, n, replace=False, p=weights / weights.sum())
    begin_s = END_UNIX_S - DAYS * DAY_S
    delays_s = rng.integers(0, 600, n)
    return [
        begin_s + 3600.0 * slot + delay
        for slot, delay in zip(np.sort(slots), delays_s, strict=True)
    ]
