"""The command and the library find the project's own packages, whatever else is called `app`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOSTILE = "raise RuntimeError('the wrong package was imported')"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A directory with packages of our names that must not be imported."""
    for name in ("app", "recsys", "federation", "clients", "evaluation", "migrations"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(HOSTILE)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The hostile directory comes first on the path, as the working directory does by default.
    path = os.pathsep.join((str(folder), str(ROOT)))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_trap_works(hostile: Path) -> None:
    assert "wrong package" in run(hostile, "-c", "import app").stderr


def test_help(hostile: Path) -> None:
    found = run(hostile, "-m", "twofold", "--help")
    assert found.returncode == 0, found.stderr
    for command in ("serve", "coordinate", "migrate", "demo"):
        assert command in found.stdout


def test_a_command_that_imports_the_service(hostile: Path) -> None:
    found = run(hostile, "-m", "twofold", "migrate", "--data-dir", str(hostile / "data"))
    assert found.returncode == 0, found.stderr
    assert (hostile / "data" / "twofold.db").exists()


def test_workers_find_the_house(hostile: Path) -> None:
    code = "from twofold.asgi import application; print(type(application()).__name__)"
    found = run(hostile, "-c", code)
    assert found.stdout.strip() == "Service", found.stderr


def test_the_library_is_light_and_leaves_app_alone(hostile: Path) -> None:
    code = (
        "import sys, twofold\n"
        "assert 'numpy' not in sys.modules and 'clients' not in sys.modules\n"
        "print(twofold.Device.__name__, twofold.ServiceClient.__name__)\n"
        "assert not {'app', 'torch', 'fastapi', 'sqlalchemy'} & set(sys.modules)\n"
        "try:\n"
        "    import app\n"
        "except RuntimeError:\n"
        "    print('theirs')\n"
    )
    found = run(hostile, "-c", code)
    assert found.stdout.split() == ["Device", "ServiceClient", "theirs"], found.stderr


def test_a_package_imported_before_is_named(hostile: Path) -> None:
    (hostile / "recsys" / "__init__.py").write_text("")
    code = "import recsys, twofold\ntwofold.Device"
    found = run(hostile, "-c", code)
    assert found.returncode != 0
    assert "another package called 'recsys'" in found.stderr


def test_unknown_name() -> None:
    import twofold

    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = twofold.Nothing
    assert {"Device", "ServiceClient"} <= set(dir(twofold))
