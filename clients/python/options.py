"""What the owner of a device decides: patience, limits, clock, sleep and seed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from clients.python.plan_checks import DeviceLimits
from clients.python.session import RetryPolicy
from recsys.adaptation import AdaptationSettings


@dataclass(frozen=True)
class DeviceOptions:
    """Defaults suit a device in the field.

    clock: Unix seconds; sleep: waits that many seconds; seed: of training, adaptation and waits
    (None: drawn by the operating system); look_every_s: how often `Device.run` looks for new events
    and for its end while it waits.
    """

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    limits: DeviceLimits = field(default_factory=DeviceLimits)
    adaptation: AdaptationSettings = field(default_factory=AdaptationSettings)
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    seed: int | None = None
    look_every_s: float = 1.0
