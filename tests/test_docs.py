"""What the documents point to exists, and every setting is described where an operator looks."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.settings import LimitSettings, RoundSettings, Settings

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    for target, _ in LINK.findall(path.read_text()):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (path.parent / target).exists(), f"{path.name} points to {target}"


def test_every_command_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"^make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert target in targets


def shown(default: object) -> str:
    if isinstance(default, SecretStr) or default == "":
        return ""
    return f"`{','.join(map(str, default)) if isinstance(default, tuple) else default}`"


GROUPS = (
    (Settings, "TWOFOLD_"),
    (RoundSettings, "TWOFOLD_ROUND_"),
    (LimitSettings, "TWOFOLD_LIMIT_"),
)


def test_every_setting_is_described() -> None:
    documented = (ROOT / "docs" / "operations.md").read_text()
    for model, prefix in GROUPS:
        for name, field in model.model_fields.items():
            if name not in ("rounds", "limits"):
                assert f"| `{prefix}{name.upper()}` | {shown(field.default)} |" in documented
                assert field.description, f"{name} has no description"
                assert f"| {field.description} |" in documented


def test_what_the_threat_model_points_to_exists() -> None:
    page = (ROOT / "docs" / "threat-model.md").read_text()
    tests = {path.name for path in (ROOT / "tests").rglob("*.py")}
    named = {Path(name).name for name in re.findall(r"`([\w/]+\.py)`", page)}
    assert named
    assert named <= tests, named - tests
