"""What one attempt to take part came to.

Waits      told to come back later, or not yet due
Accepted   the service acknowledged the update
Declined   the device objects to what it was asked to do; nothing was uploaded
Dropped    the service refused for good; the assignment is given up
Failed     nothing is decided: the service is away, or asks to slow down; the same goes out again
Ended      the device is not enrolled any more

All carry `until`, when to come back (Unix seconds), and `granted`, the id of the assignment that
this attempt was given, if any.
"""

import math
from dataclasses import dataclass

from clients.python.answers import Receipt


@dataclass(frozen=True, kw_only=True)
class Waits:
    """Nothing to do before `until`."""

    until: float
    granted: str | None = None


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The update is stored by the service. replayed: it had the same bytes already."""

    receipt: Receipt
    replayed: bool
    until: float
    granted: str | None = None


@dataclass(frozen=True, kw_only=True)
class Declined:
    """The device objected; `reason` is a key of `objections.REASONS`."""

    reason: str
    detail: str
    until: float
    granted: str | None = None


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """The service refused for good; `reason` is the service's."""

    reason: str
    detail: str
    until: float
    granted: str | None = None


@dataclass(frozen=True, kw_only=True)
class Failed:
    """To be repeated. An update that was made already stays on the disk."""

    reason: str
    detail: str
    until: float
    granted: str | None = None


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The enrolment was withdrawn; there is nothing to come back for."""

    reason: str
    detail: str
    until: float = math.inf
    granted: str | None = None


Outcome = Waits | Accepted | Declined | Dropped | Failed | Ended
