"""Devices: honest ones, and all the others. A device knows only what it was answered."""

from dataclasses import dataclass, field

import numpy as np

from federation.plan import Plan
from federation.update_codec import HEADER_BYTES, encode
from tests.simulation.fingerprints import coordinate
from tests.simulation.profile import Behaviour
from tests.simulation.records import (
    CheckInRequest,
    Receipt,
    Refused,
    Reply,
    Request,
    UploadRequest,
    Work,
)

# After these the same bytes may be sent again.
PASSING = {"buffer_closed"}
LIES = (
    "bad_magic",
    "wrong_layout",
    "wrong_length",
    "off_grid",
    "over_clip",
    "metric",
    "wrong_plan",
    "foreign",
    "foreign",
    "foreign",
    "cut_short",
    "none",
    "none",
    "none",
)


@dataclass
class Device:
    """One device. skew_s: how far its clock is ahead."""

    number: int
    behaviour: Behaviour
    skew_s: float
    work: Work | None = None
    delivered: list[Work] = field(default_factory=list)

    def act(self, now: float, dice: int) -> Request | None:
        """What it does now. dice: from which it takes its choices."""
        clock = now + self.skew_s
        if self.behaviour == "stubborn" and self.delivered and dice % 3 == 0:
            return self._upload(self.delivered[dice % len(self.delivered)], dice)
        if self.work is None:
            return CheckInRequest(self.number)
        if self.behaviour == "forgetful":
            return CheckInRequest(self.number) if dice % 4 == 0 else None
        is_over = clock >= self.work.expires_at
        if self.behaviour == "late" and not is_over and dice % 8:
            return None
        if self.behaviour in ("honest", "stubborn") and is_over and dice % 2:
            self.work = None
            return CheckInRequest(self.number)
        return self._upload(self.work, dice)

    def hear(self, reply: Reply) -> None:
        """Take an answer in; late answers to what is over change nothing."""
        answer, request = reply.answer, reply.request
        if isinstance(answer, Work):
            self.work = answer
        elif isinstance(request, UploadRequest) and self._is_mine(request):
            ends = isinstance(answer, Receipt) or (
                isinstance(answer, Refused) and answer.reason not in PASSING
            )
            if isinstance(answer, Receipt) and self.work is not None:
                self.delivered = [*self.delivered[-3:], self.work]
            if ends:
                self.work = None

    def _is_mine(self, request: UploadRequest) -> bool:
        return self.work is not None and self.work.assignment_id == request.assignment_id

    def _upload(self, work: Work, dice: int) -> UploadRequest:
        face = dice // 2 % 2 if self.behaviour == "two_faced" else 0
        words = np.zeros(work.plan.n_words, np.int32)
        words[coordinate(self.number, work.round_id, face)] = 1
        if self.behaviour != "liar":
            body = encode(work.plan.digest, words)
            return UploadRequest(self.number, work.assignment_id, body)
        lie = LIES[dice % len(LIES)]
        assignment_id = f"a{dice % 40}" if lie == "foreign" else work.assignment_id
        body = tell(lie, work.plan, words)
        return UploadRequest(self.number, assignment_id, body, claimed_staleness=dice // 12 % 4)


def tell(lie: str, plan: Plan, words: np.ndarray[tuple[int], np.dtype[np.int32]]) -> bytes:
    """An update with one thing wrong with it, or none."""
    levels = plan.grid.levels
    if lie == "off_grid":
        words[0] = levels + 1
    elif lie == "over_clip":
        words[:8] = levels
    elif lie == "metric":
        words[-1] = -1
    named = "sha256:" + "7" * 64 if lie == "wrong_plan" else plan.digest
    body = encode(named, words)
    if lie == "bad_magic":
        return b"JUNK" + body[4:]
    if lie == "wrong_layout":
        return body[:4] + b"\x09\x00" + body[6:]
    if lie == "wrong_length":
        return body + b"\0"
    return body[: HEADER_BYTES + 6] if lie == "cut_short" else body
