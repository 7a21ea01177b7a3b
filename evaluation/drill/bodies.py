"""The bytes that virtual devices upload: honest updates, and what liars make of them."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from clients.python.answers import Assignment
from clients.python.bundle import Bundle, decode_bundle
from clients.python.objections import Objection
from clients.python.plan_checks import DeviceLimits, check_plan
from clients.python.update_making import make_update
from evaluation.drill.dice import TRAINING, dice
from federation.canonical import digest
from federation.plan import Plan
from federation.update_codec import HEADER_BYTES, encode
from recsys.history import History
from recsys.local_training import LocalSettings

WORD = np.dtype("<i4")
T = TypeVar("T")


class Updates(Protocol):
    """Makes the update of a device. Equal arguments give equal bytes."""

    def make(self, assignment: Assignment, bundle_body: bytes, device: int) -> bytes:
        """The body; ValueError when the service asked for what no device would do."""


class TrainedUpdates:
    """Devices train on their histories as real ones do: the code is the clients'.

    histories: device i has the i-th, modulo their number, as rows of the model.
    """

    def __init__(self, seed: int, histories: Sequence[History]) -> None:
        self._seed, self._histories = seed, histories
        self._bundle: tuple[str, Bundle] | None = None

    def make(self, assignment: Assignment, bundle_body: bytes, device: int) -> bytes:
        """Check, decode, train, clip, round, encode."""
        plan, settings = _checked(assignment)
        rng = dice(self._seed, TRAINING, device, assignment.round)
        history = self._histories[device % len(self._histories)]
        made = make_update(plan, settings, self._decoded(plan, bundle_body), history, rng)
        return _no_objection(made)

    def _decoded(self, plan: Plan, body: bytes) -> Bundle:
        """The bundle, decoded once for all devices of a plan."""
        if self._bundle is None or self._bundle[0] != plan.bundle:
            if digest(body) != plan.bundle:
                raise ValueError("bundle_digest_mismatch")
            self._bundle = plan.bundle, _no_objection(decode_bundle(body))
        return self._bundle[1]


class ConstantUpdates:
    """Devices upload one word each, at a place of their own: nothing is learnt, and it is cheap."""

    def make(self, assignment: Assignment, bundle_body: bytes, device: int) -> bytes:
        """A body of the plan's length."""
        plan, _ = _checked(assignment)
        words = np.zeros(plan.n_words, np.int32)
        words[device % plan.n_values] = 1
        return encode(plan.digest, words)


def _checked(assignment: Assignment) -> tuple[Plan, LocalSettings]:
    return _no_objection(check_plan(assignment, DeviceLimits()))


def _no_objection(found: T | Objection) -> T:
    if isinstance(found, Objection):
        raise ValueError(f"{found.reason}: {found.detail}")
    return found


def truncated(body: bytes) -> bytes:
    """Without the last word."""
    return body[: -WORD.itemsize]


def without_mark(body: bytes) -> bytes:
    """With another magic."""
    return b"NOPE" + body[4:]


def of_another_plan(body: bytes) -> bytes:
    """With another plan's digest."""
    return body[:8] + bytes(32) + body[40:]


def beyond_grid(body: bytes) -> bytes:
    """With a word that no grid has."""
    return _with_words(body, slice(0, 1), 2**31 - 1)


def negative_metric(body: bytes) -> bytes:
    """With a metric below zero."""
    return _with_words(body, slice(-1, None), -1)


def another_update(body: bytes) -> bytes:
    """Other words for the same plan, as valid as the first."""
    silent = _with_words(body, slice(None), 0)
    changed = _with_words(silent, slice(0, 1), 1)
    return changed if changed != body else _with_words(silent, slice(1, 2), 1)


def _with_words(body: bytes, which: slice, value: int) -> bytes:
    words = np.frombuffer(body, WORD, offset=HEADER_BYTES).copy()
    words[which] = value
    return body[:HEADER_BYTES] + words.tobytes()


MALFORMED: tuple[Callable[[bytes], bytes], ...] = (truncated, without_mark, of_another_plan)
OFF_GRID: tuple[Callable[[bytes], bytes], ...] = (beyond_grid, negative_metric)
