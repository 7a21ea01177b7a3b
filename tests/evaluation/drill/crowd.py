"""A small crowd that comes often and errs often, and what it lives through."""

from pathlib import Path

import torch

from app.settings import RoundSettings
from evaluation.drill.arrivals import Rhythm
from evaluation.drill.behaviour import Mix
from evaluation.drill.bodies import TrainedUpdates
from evaluation.drill.enrolment import prepare_ground
from evaluation.drill.rehearsal import Rehearsal, Stage, rehearse
from evaluation.drill.service import Model, Serve, in_process
from evaluation.drill.trace import Trace

BUSY = Rhythm(visits_per_day=12.0, stay_s=900.0)
BUSY_MIX = Mix(drop_out=0.1, replays=0.1, liars=0.4)


async def live_through(
    trace: Trace, rounds: RoundSettings, folder: Path, redis_url: str, serve: Serve = in_process
) -> Rehearsal:
    """From nothing, enrolment and all: only the seed is shared with another call."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model, n_devices = Model(), len(trace.devices)
        ground = await prepare_ground(folder / "ground", redis_url, model, n_devices, trace.seed)
        updates = TrainedUpdates(trace.seed, ground.histories)
        stage = Stage(trace, ground, model, updates, redis_url, serve)
        return await rehearse(stage, rounds, folder / "plan", lambda _: None)
    finally:
        torch.set_num_threads(threads)
