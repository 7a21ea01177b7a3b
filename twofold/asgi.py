"""`twofold.asgi:application`: what uvicorn's worker processes import.

A worker is a fresh interpreter: it finds the house first, then reads its settings from the
environment that `twofold serve` prepared.
"""

import gc
from typing import TYPE_CHECKING

from twofold.house import install_service
from twofold.supervision import follow_supervisor

if TYPE_CHECKING:
    from fastapi import FastAPI


def application() -> "FastAPI":
    """The service; give uvicorn `factory=True`."""
    install_service()
    follow_supervisor()
    from app.main import create_app

    made = create_app()
    _spare_collector()
    return made


def _spare_collector() -> None:
    """Keep what lives as long as the process out of garbage collection.

    A request makes a few thousand objects, and nearly none in cycles; by default the collector
    goes through all code and schemas again and again, for a tenth of a worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
