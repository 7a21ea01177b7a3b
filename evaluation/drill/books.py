"""What the service acknowledged against what became of it: the invariants of a drill.

An acknowledged update is counted by a published version or discarded with an abandoned round; no
account is counted twice in a round; a published round holds exactly what it acknowledged.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.drill.service import SERVER_KEY, DrilledCoordinator
from evaluation.drill.trace import Happening
from evaluation.drill.transport import Request, Transport
from evaluation.drill.world import World
from federation.audit import AuditRecord
from federation.audit_chain import StoredRecord, verify_stored

PAGE = 100


@dataclass(frozen=True)
class Books:
    """rounds, versions: as the service lists them, oldest first. records: the audit chain.

    outcomes: assignment -> what the service says became of its acknowledged update.
    """

    rounds: tuple[dict[str, Any], ...]
    versions: tuple[dict[str, Any], ...]
    records: tuple[StoredRecord, ...]
    outcomes: Mapping[str, str]


async def read_books(world: World, transport: Transport, coordinator: DrilledCoordinator) -> Books:
    """Ask for rounds, versions and every receipt through the API; the records from the store."""
    accepted = [one for one in world.happenings if one.what == "accepted"]
    return Books(
        rounds=await _read_pages(transport, "/v1/rounds"),
        versions=await _read_pages(transport, "/v1/models"),
        records=tuple(await coordinator.records()),
        outcomes={one.fields["lease"]: await world.outcome_of(one) for one in accepted},
    )


async def _read_pages(transport: Transport, path: str) -> tuple[dict[str, Any], ...]:
    found: list[dict[str, Any]] = []
    query = f"?limit={PAGE}"
    while True:
        headers = {"authorization": f"Bearer {SERVER_KEY}"}
        reply = await transport.send(Request("GET", path + query, headers))
        if reply.status != 200:
            raise RuntimeError(f"GET {path}: {reply.status} {reply.body[:500]!r}")
        page = json.loads(reply.body)
        found += page["data"]
        if page["next_cursor"] is None:
            return tuple(reversed(found))
        query = f"?limit={PAGE}&cursor={page['next_cursor']}"


def breaches(happenings: Sequence[Happening], books: Books) -> list[str]:
    """Every invariant that does not hold, in words; empty when all do."""
    accepted = [one for one in happenings if one.what == "accepted"]
    broken = verify_stored(books.records)
    if broken is not None:  # then its records say nothing about counts
        return [f"version {broken.version}: {broken.what}"]
    return [
        *_lost(accepted, books.outcomes),
        *_acknowledged_twice(accepted),
        *_miscounted(accepted, books),
    ]


def _lost(accepted: Sequence[Happening], outcomes: Mapping[str, str]) -> list[str]:
    return [
        f"round {one.fields['round']}: the acknowledged update of device {one.device} is "
        f"neither counted nor discarded, but {outcomes.get(one.fields['lease'])}"
        for one in accepted
        if outcomes.get(one.fields["lease"]) not in ("counted", "discarded")
    ]


def _acknowledged_twice(accepted: Sequence[Happening]) -> list[str]:
    times = Counter((one.fields["round"], one.device) for one in accepted)
    return [
        f"round {number}: device {device} was acknowledged {n} times"
        for (number, device), n in times.items()
        if n > 1
    ]


def _miscounted(accepted: Sequence[Happening], books: Books) -> list[str]:
    """A version's record must count what its round acknowledged, and an abandoned round nothing."""
    summed = {one["round"]: _count(books, one["version"]) for one in books.versions}
    found = []
    for one in books.rounds:
        of_it = [a for a in accepted if a.fields["round"] == one["id"]]
        counted = sum(books.outcomes.get(a.fields["lease"]) == "counted" for a in of_it)
        due = len(of_it) if one["phase"] == "published" else 0
        held = (one["accepted"], counted, summed.get(one["id"], 0))
        if held != (len(of_it), due, due):
            found.append(
                f"round {one['id']}, {one['phase']}: acknowledged {len(of_it)}, but accepted, "
                f"counted and summed {held}"
            )
    return found


def _count(books: Books, version: int) -> int:
    (found,) = (one for one in books.records if one.version == version)
    return AuditRecord.from_json(found.record).count
