"""`twofold.asgi:application`: what uvicorn's worker processes import.

A worker is a fresh interpreter: it finds the house first, then reads its settings from the
environment that `twofold serve` prepared.
"""

import gc
from typing import TYPE_CHECKING

from twofold.house import install_service
from twofold.importing import importing
from twofold.supervision import follow_supervisor

if TYPE_CHECKING:
    from fastapi import FastAPI


def application() -> "FastAPI":
    """The service; give uvicorn `factory=True`."""
    install_service()
    follow_supervisor()
    with importing():
        from app.main import app
    # A request makes a few thousand objects, and hardly one of them in a cycle.
    gc.set_threshold(50_000, 20, 50)
    return app
