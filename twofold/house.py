"""Finds the project's packages, wherever they lie, before anybody else's of the same name.

In the repository they lie beside `twofold/`; in the wheel inside `twofold/_house/`, so that a wheel
never brings a package called `app` into anybody's environment. A finder at the front of
`sys.meta_path` resolves exactly the top-level names it was given, and nothing else: `twofold` works
from a directory that has an `app/` of its own.
"""

import sys
from collections.abc import Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

LIBRARY = ("recsys", "federation", "clients")
SERVICE = ("app", "evaluation", "migrations")


def house_directory() -> Path:
    """The directory that holds the packages."""
    here = Path(__file__).resolve().parent
    inside = here / "_house"
    return inside if inside.is_dir() else here.parent


class HouseFinder(MetaPathFinder):
    """Resolves the given top-level packages to the house directory."""

    def __init__(self, directory: Path, names: Iterable[str]) -> None:
        self.directory = directory
        self.names = set(names)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a package of the house; None leaves the name to the other finders."""
        if path is not None or fullname not in self.names:
            return None
        return PathFinder.find_spec(fullname, [str(self.directory)], target)


def install(names: Iterable[str]) -> None:
    """Resolve these packages to the house from now on; repeating it adds names.

    Raises: RuntimeError when another package of such a name was imported before.
    """
    finder = next((found for found in sys.meta_path if isinstance(found, HouseFinder)), None)
    if finder is None:
        finder = HouseFinder(house_directory(), ())
        sys.meta_path.insert(0, finder)
    finder.names.update(names)
    for name in sorted(finder.names):
        _refuse_foreign(name, finder.directory)


def _refuse_foreign(name: str, directory: Path) -> None:
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is not None and not Path(file).resolve().is_relative_to(directory.resolve()):
        raise RuntimeError(f"another package called {name!r} is imported already: {file}")


def install_library() -> None:
    """What devices and API clients need; never `app`."""
    install(LIBRARY)


def install_service() -> None:
    """Everything: for the command line and the processes that it starts."""
    install(LIBRARY + SERVICE)
