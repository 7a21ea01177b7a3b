"""The house rules, held by a test: who imports whom, how long a file may be, what is refused."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("recsys", "federation", "app", "clients", "evaluation", "twofold")
LINES_MAX = 400
LINES_LISTED = 300
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base"}

MAY_IMPORT = {
    "recsys": set(),
    "federation": set(),
    "app": {"recsys", "federation", "migrations"},
    "clients": {"recsys", "federation"},
    "evaluation": {"recsys", "federation", "app", "clients", "twofold"},
    "twofold": {"app", "clients", "evaluation", "migrations", "recsys", "federation"},
}
TORCH_ALLOWED = {"recsys/item_tower.py", "recsys/server_step.py", "recsys/server_state.py"}
TORCH_FOLDERS = ("app/coordinator/", "evaluation/", "recsys/baselines/")
# Pure code is given time, randomness and identity; it never takes them from the ambient world.
AMBIENT = {
    "federation": {"asyncio", "time", "random", "os", "socket", "secrets", "uuid"},
    "recsys": {"asyncio", "time", "random", "socket", "secrets", "uuid"},
}
UNSAFE = {"pickle", "cPickle", "marshal", "shelve", "dill", "joblib"}


def source_files() -> list[Path]:
    tracked = [p for name in PACKAGES for p in (ROOT / name).rglob("*.py")]
    return sorted(p for p in tracked if "__pycache__" not in p.parts)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno


FILES = source_files()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    allowed = MAY_IMPORT[package] | {package}
    for module, line in imports_of(path):
        top = module.split(".")[0]
        known = top in MAY_IMPORT or top == "migrations"
        assert not known or top in allowed, f"{name_of(path)}:{line} imports {module}"
        assert top not in AMBIENT.get(package, ()), f"{name_of(path)}:{line} imports {module}"
        assert top not in UNSAFE, f"{name_of(path)}:{line} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_torch_stays_in_its_room(path: Path) -> None:
    name = name_of(path)
    if name in TORCH_ALLOWED or name.startswith(TORCH_FOLDERS):
        return
    tops = {module.split(".")[0] for module, _ in imports_of(path)}
    assert "torch" not in tops, f"{name} imports torch"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_names_say_something(path: Path) -> None:
    assert path.stem not in VAGUE_NAMES


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_bare_except_and_no_commit_outside_the_store(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        bare = isinstance(node, ast.ExceptHandler) and node.type is None
        assert not bare, f"{name_of(path)}:{node.lineno} has a bare except"
        commits = isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback"}
        assert not (commits and name_of(path).startswith("app/")), f"{name_of(path)}:{node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_pure_code_reads_no_clock(path: Path) -> None:
    if path.relative_to(ROOT).parts[0] not in AMBIENT:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        reads = isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
        owner = node.value if isinstance(node, ast.Attribute) else None
        named = isinstance(owner, ast.Name) and owner.id in {"datetime", "date"}
        assert not (reads and named), f"{name_of(path)}:{node.lineno} reads the clock"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_sql_lives_in_repositories(path: Path) -> None:
    name = name_of(path)
    if not name.startswith("app/") or path.name.endswith("repository.py") or "/store/" in name:
        return
    verbs = {"select", "insert", "update", "delete"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy"):
            taken = {alias.name for alias in node.names} & verbs
            assert not taken, f"{name}:{node.lineno} writes SQL outside a repository: {taken}"


def test_no_file_is_too_long(capsys: pytest.CaptureFixture[str]) -> None:
    files = [*FILES, *sorted((ROOT / "tests").rglob("*.py"))]
    files += sorted(p for p in ROOT.rglob("*.js") if ".venv" not in p.parts)
    lengths = {name_of(p): len(p.read_text().splitlines()) for p in files}
    listed = {n: k for n, k in lengths.items() if k > LINES_LISTED}
    with capsys.disabled():
        for name, lines in sorted(listed.items()):
            sys.stdout.write(f"\n{name} has {lines} lines: a room that may want a wall")
    assert not {n: k for n, k in lengths.items() if k > LINES_MAX}


def test_every_module_says_what_it_is() -> None:
    silent = [name_of(p) for p in FILES if not ast.get_docstring(ast.parse(p.read_text()))]
    assert not silent
