"""What the user gets on the device: sync, adaptation, recommendations with reasons, a vector."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clients.python.answers import Failure
from clients.python.durable_files import CorruptedStateError
from clients.python.model_store import LocalModel, ModelStore
from clients.python.model_sync import Synced
from clients.python.objections import Objection
from clients.python.outcomes import Accepted, Ended, Outcome
from clients.python.own_history import own_history, within
from clients.python.personal_ranking import fitting_tower
from clients.python.state import StoredTower
from federation.canonical import digest
from recsys.adaptation import AdaptationSettings
from recsys.datasets.interactions import Event
from recsys.history import History
from recsys.ranking import attribute
from recsys.user_tower import UserTower, user_vector
from tests.clients.made_up_model import DIM, EVENT_TYPES, World
from tests.clients.rounds_service import Fault, Rig

EAGER = AdaptationSettings(events_min=2)


def loaded(folder: Path) -> LocalModel:
    model = ModelStore(folder / "model").load()
    assert model is not None
    return model


def test_without_a_model_there_is_nothing_to_rank(rig: Rig) -> None:
    device = rig.enrol()
    assert device.recommend() == []
    assert device.user_vector() is None
    assert device.adapt() is None


@pytest.mark.parametrize("on", ["GET /v1/models/current", "GET /v1/models/1/shards"])
@pytest.mark.parametrize("cut", [False, True])
def test_a_sync_that_fails_leaves_the_version_before(rig: Rig, on: str, cut: bool) -> None:
    device = rig.enrol()
    device.sync()
    rig.service.world = World(version=2, seed=2)
    rig.service.faults = [Fault(on.replace("/1/", "/2/"), cut=cut)]
    assert isinstance(device.sync(), Failure)
    assert loaded(device.folder).manifest.version == 1
    assert device.recommend(3)
    assert device.sync() == Synced(2, moved=True)
    assert loaded(device.folder).manifest.version == 2


def test_a_sync_that_was_cut_off_fetches_only_the_rest(rig: Rig) -> None:
    device = rig.enrol()
    rig.service.faults = [Fault("GET /v1/models/1/shards", after=True, cut=True)]
    assert isinstance(device.sync(), Failure)
    assert device.recommend(1) == []
    done = rig.service.count("GET /v1/models/1/catalogue")
    assert device.sync() == Synced(1, moved=True)
    assert rig.service.count("GET /v1/models/1/catalogue") == done == 1


def test_bytes_that_are_not_those_of_their_digest_are_not_kept(rig: Rig) -> None:
    device = rig.enrol()
    rig.service.world = world = World()
    true_catalogue = world.catalogue
    manifest = world.manifest()
    world.manifest = lambda: manifest  # type: ignore[method-assign]
    world.shards = lambda precision, head: []  # type: ignore[method-assign]
    found = device.sync()
    assert isinstance(found, Failure)  # the shards are not there
    rig.service.bodies[digest(true_catalogue)] = b"other"
    (device.folder / "model" / "catalogues" / digest(true_catalogue)[7:]).unlink()
    found = device.sync()
    assert isinstance(found, Objection)
    assert found.reason == "digest_mismatch"
    assert not (device.folder / "model" / "catalogues" / digest(true_catalogue)[7:]).exists()


def test_a_model_that_is_malformed_is_an_objection(rig: Rig) -> None:
    device = rig.enrol()
    rig.service.world.manifest = lambda: b'{"version": 1}'  # type: ignore[method-assign]
    found = device.sync()
    assert isinstance(found, Objection)
    assert found.reason == "model_malformed"


def test_a_version_that_is_here_is_not_downloaded_again(rig: Rig) -> None:
    device = rig.enrol()
    assert device.sync() == Synced(1, moved=True)
    n_requests = len(rig.service.log)
    assert device.sync() == Synced(1, moved=False)
    assert rig.reopen().sync() == Synced(1, moved=False)
    assert [line.split(" ")[1] for line in rig.service.log[n_requests:]] == [
        "/v1/models/current",
        "/v1/devices/a/tokens",
        "/v1/models/current",
    ]


def test_a_damaged_shard_heals_with_the_next_sync(rig: Rig) -> None:
    device = rig.enrol()
    device.sync()
    shard = next((device.folder / "model" / "shards").iterdir())
    shard.write_bytes(b"rust")
    assert device.recommend(3) == []
    assert isinstance(device.sync(), Synced)
    assert len(device.recommend(3)) == 3


def test_nothing_that_the_user_touched_or_that_is_gone_is_recommended(rig: Rig) -> None:
    device = rig.enrol(n_events=30)
    device.record("item of a later catalogue", "view", 99.0)
    device.record(rig.service.world.items[5], "a type of a later model", 99.0)
    device.sync()
    found = device.recommend(k=1000)
    touched = {event.item_id for event in device.events}
    ids = [entry.item_id for entry in found]
    assert set(ids) == set(rig.service.world.items) - touched
    assert len(ids) == len(set(ids))
    scores = [entry.score for entry in found]
    assert scores == sorted(scores, reverse=True)


def test_reasons_are_the_exact_parts_of_a_score(rig: Rig) -> None:
    device = rig.enrol(n_events=8)
    device.record(device.events[0].item_id, "purchase", 50.0)  # two events of one item
    device.sync()
    model = loaded(device.folder)
    own = own_history(device.events, model.row_of, model.manifest.event_types)
    tower = UserTower.default(model.manifest.scalars, DIM)
    for entry in device.recommend(5):
        parts = attribute(
            model.table, model.manifest.scalars, tower, own.history, model.row_of[entry.item_id]
        )
        assert entry.score == pytest.approx(parts.score, rel=1e-4)
        by_item: dict[str, float] = {}
        for event, share in zip(own.events, parts.events, strict=True):
            by_item[event.item_id] = by_item.get(event.item_id, 0.0) + float(share)
        best = sorted((share for share in by_item.values() if share > 0), reverse=True)[:3]
        assert [share for _, share in entry.because] == pytest.approx(best)
        assert all(by_item[item] == pytest.approx(share) for item, share in entry.because)


def test_reasons_can_be_left_out(rig: Rig) -> None:
    device = rig.enrol()
    device.sync()
    plain, told = device.recommend(3, reasons=False), device.recommend(3)
    assert all(entry.because == [] for entry in plain)
    assert [e.item_id for e in plain] == [e.item_id for e in told]


def test_adaptation_is_kept_and_used(rig: Rig) -> None:
    device = rig.enrol(n_events=20, adaptation=EAGER)
    device.sync()
    before = device.user_vector()
    stored = device.adapt()
    assert stored is not None
    assert (stored.model_version, stored.n_events) == (1, 20)
    after = rig.reopen().user_vector()
    assert before is not None
    assert after is not None
    model = loaded(device.folder)
    own = own_history(device.events, model.row_of, EVENT_TYPES)
    expected = user_vector(model.table, model.manifest.scalars, stored.tower, own.history)
    np.testing.assert_allclose(after.values, expected, rtol=1e-6)
    assert (after.values.dtype, after.values.shape, after.model_version) == (np.float32, (DIM,), 1)


def test_a_damaged_tower_is_named(rig: Rig) -> None:
    device = rig.enrol()
    device.sync()
    device.adapt()
    (device.folder / "tower.safetensors").write_bytes(b"rust")
    with pytest.raises(CorruptedStateError, match=r"tower\.safetensors is damaged"):
        device.recommend()


def test_a_tower_of_another_width_or_with_too_many_types_gives_way(world: World) -> None:
    scalars = world.scalars
    default = UserTower.default(scalars, DIM)
    own = replace(default, residual=np.ones(DIM, np.float32))
    assert fitting_tower(None, scalars, DIM).residual.sum() == 0
    assert fitting_tower(StoredTower(own, 1, 1), scalars, DIM).residual.sum() == DIM
    assert fitting_tower(StoredTower(own, 1, 1), scalars, DIM + 1).residual.shape == (DIM + 1,)
    many = replace(own, log_type_weights=np.ones(9, np.float32))
    assert fitting_tower(StoredTower(many, 1, 1), scalars, DIM).log_type_weights.shape == (3,)
    few = replace(own, log_type_weights=np.ones(2, np.float32))
    grown = fitting_tower(StoredTower(few, 1, 1), scalars, DIM)
    np.testing.assert_array_equal(grown.log_type_weights, [1.0, 1.0, 0.0])


def test_unknown_items_and_types_are_skipped_in_order() -> None:
    events = [
        Event("b", "view", 1.0),
        Event("unknown", "view", 2.0),
        Event("a", "dream", 3.0),
        Event("a", "cart", 4.0),
    ]
    own = own_history(events, {"a": 7, "b": 9}, ["view", "cart"])
    assert own.history.rows.tolist() == [9, 7]
    assert own.history.types.tolist() == [0, 1]
    assert [event.at for event in own.events] == [1.0, 4.0]


def test_a_history_within_a_block_is_in_positions_of_the_block() -> None:
    history = History.of([5, 900, 5, 1, 30], [0, 1, 2, 0, 1])
    held = within(history, np.array([1, 5, 30]))
    assert held.rows.tolist() == [1, 1, 0, 2]
    assert held.types.tolist() == [0, 2, 0, 1]
    assert len(within(history, np.zeros(0, np.int64))) == 0


def test_a_new_item_is_learnt_of_outside_of_an_assignment(rig: Rig) -> None:
    device = rig.enrol()
    device.take_part(rig.now)
    device.record("brand new", "view", 50.0)
    world = rig.service.world
    world.row_of["brand new"] = 39
    world.catalogue = world.catalogue.replace(b"]}", b',[39,"brand new"]]}')
    n_requests = len(rig.service.log)
    assert isinstance(device.take_part(rig.now), Accepted)
    asked = [line.split("/")[1:4] for line in rig.service.log[n_requests:]]
    assert [parts[1] for parts in asked] == ["rounds", "models", "updates", "models"]
    n_requests = len(rig.service.log)
    assert isinstance(device.take_part(rig.now), Accepted)
    assert len(rig.service.log) - n_requests == 3


def test_events_of_unknown_items_do_not_change_an_update(rig: Rig) -> None:
    first, second = rig.enrol("a"), rig.enrol("b")
    second.record("nobody knows it", "view", 3.5)
    first.take_part(rig.now)
    second.take_part(rig.now)
    one, other = rig.service.updates.values()
    assert one == other


def test_a_device_without_events_takes_part_with_zeros(rig: Rig) -> None:
    device = rig.enrol(n_events=0)
    assert isinstance(device.take_part(rig.now), Accepted)
    (body,) = rig.service.updates.values()
    assert set(body[44:]) == {0}


def test_run_takes_part_waits_and_adapts(rig: Rig) -> None:
    """A clock that only sleep moves: nothing in the loop may depend on real time."""
    clock = [rig.now]
    rig.service.rounds_open = 2
    device = rig.enrol(
        clock=lambda: clock[0], sleep=lambda s: clock.__setitem__(0, clock[0] + s), look_every_s=4.0
    )
    outcomes: list[Outcome] = []

    def note(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if len(outcomes) == 3:
            device.record(rig.service.world.items[1], "view", 100.0)
        if len(outcomes) == 4:
            rig.service.world = World(version=2, seed=3)

    rig.service.faults = [Fault("GET /v1/models/1/shards")]  # the first sync fails
    device.run(stop=lambda: len(outcomes) >= 6, on_outcome=note)
    assert [type(outcome).__name__ for outcome in outcomes] == ["Accepted"] * 2 + ["Waits"] * 4
    stored = device._folder.tower()
    assert stored is not None
    assert (stored.model_version, stored.n_events) == (2, 13)
    assert clock[0] >= rig.now + 15.0


def test_run_ends_when_the_enrolment_is_withdrawn(rig: Rig) -> None:
    device = rig.enrol()
    rig.service.faults = [Fault("POST /v1/rounds", status=403, reason="device_revoked", times=9)]
    outcomes: list[Outcome] = []
    device.run(on_outcome=outcomes.append)
    assert [type(outcome) for outcome in outcomes] == [Ended]
