"""Steps that tests of the round engine take again and again."""

from federation.canonical import digest
from federation.round_effects import Refuse
from federation.round_engine import step
from federation.round_events import CheckedIn, Event, UploadOffered
from federation.round_state import RoundState

CHECK_IN = CheckedIn(1.0, assignment_open=False, account_assigned=False)
UPLOAD = UploadOffered(2.0, "open")
SUM = digest(b"the sum")


def reason(state: RoundState, event: Event) -> str:
    """The reason of a refusal, which changes nothing and is all that happens."""
    after, (effect,) = step(state, event)
    assert after == state
    assert isinstance(effect, Refuse)
    return effect.refusal.reason
