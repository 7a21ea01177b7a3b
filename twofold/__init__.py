"""Twofold: a federated recommender. A device and an API client to import; `twofold` to run.

Importing this package costs next to nothing: its names are loaded when they are first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clients.python.device import Device
    from clients.python.service_client import ServiceClient

__all__ = ["Device", "ServiceClient", "__version__"]

__version__ = "0.1.0"

_HOMES = {
    "Device": "clients.python.device",
    "ServiceClient": "clients.python.service_client",
}


def __getattr__(name: str) -> Any:
    """Load an exported name when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from twofold.house import install_library

    install_library()
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
