"""The reducer as a process: `twofold reduce`. It needs no torch, so it starts fast."""

from app.clock import system_clock
from app.coordinator.reducer import Reducer
from app.coordinator.ticking import configure_log, tick_until_ended
from app.settings import Settings
from app.wiring import build_state


async def reduce(settings: Settings, redis_url: str, name: str) -> None:
    """Sum parts of closed rounds, whichever are to be had, until SIGTERM or SIGINT.

    name: the dead predecessor's too, if there was one.
    """
    configure_log()
    state = build_state(settings, redis_url, system_clock)
    reducer = Reducer(state, name)

    async def tick() -> None:
        while await reducer.sum_one():
            pass

    await tick_until_ended(state, tick)
