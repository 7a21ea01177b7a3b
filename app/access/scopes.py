"""What a server key may be limited to. A key without a list of its own has every scope."""

from typing import Literal, get_args

Scope = Literal["catalogue", "users", "events", "recommend", "devices", "operations", "keys"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""catalogue: items. users: accounts and their tokens. events: what hosted users did. recommend:
lists. devices: enrolment codes and enrolments. operations: rounds, versions, audit. keys: other
keys."""
