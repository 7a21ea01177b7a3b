"""docs/protocol.md says what the code does."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from federation.audit import AuditRecord
from federation.grid import Grid
from federation.merkle import LEAF, NODE, UPDATE_LABEL
from federation.plan import Plan
from federation.receipt import JWS_TYPE, ReceiptClaims
from federation.refusals import REASONS
from federation.round_diagram import round_diagram
from federation.round_state import PHASES, TRANSITIONS, RoundState
from federation.update_codec import HEADER, HEADER_BYTES, LAYOUT, MAGIC

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def table(title: str) -> list[list[str]]:
    rows = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def test_diagram_is_the_generated_one() -> None:
    drawn = re.findall(r"```mermaid\n(.*?)\n```", PAGE, re.DOTALL)
    assert drawn == [round_diagram()]


def test_module_prints_the_diagram() -> None:
    command = [sys.executable, "-m", "federation.round_diagram"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout == round_diagram() + "\n"


def test_diagram_draws_every_change_of_phase() -> None:
    drawn = set(re.findall(r"^    (\w+) --> (\w+): ", round_diagram(), re.MULTILINE))
    changes = {(p, q) for (p, _), after in TRANSITIONS.items() for q in after if p != q}
    assert drawn == changes


def test_refusals_are_all_listed_with_their_meaning() -> None:
    assert table("Refusals") == [[f"`{code}`", meaning] for code, meaning in REASONS.items()]


def test_plan_fields_are_all_listed() -> None:
    plan = [field.name for field in fields(Plan) if field.name != "grid"]
    expected = {*plan, *(f"grid.{field.name}" for field in fields(Grid))}
    listed = [row[0].strip("`") for row in table("The plan")]
    assert set(listed) == expected
    assert len(listed) == len(expected)


def test_wire_layout_is_the_codec_s() -> None:
    rows = table("An update on the wire")
    sizes = [int(row[1]) for row in rows[:-1]]
    assert [int(row[0]) for row in rows] == [sum(sizes[:i]) for i in range(len(rows))]
    assert sizes == [4, 2, 2, 32, 4]
    assert HEADER.format == "<4sHH32sI"
    assert rows[-1][0] == str(HEADER_BYTES)
    assert f"`{MAGIC.decode()}`" in rows[0][2]
    assert rows[1][2].endswith(f"= {LAYOUT}")


def test_fields_of_receipts_and_records_are_all_listed() -> None:
    rows = re.findall(r"^\| (`.*?) \|", section("Receipts and the audit chain"), re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    names = [field.name for kind in (ReceiptClaims, AuditRecord) for field in fields(kind)]
    assert sorted(listed) == sorted(names)


def test_labels_and_prefixes_of_the_tree_are_named() -> None:
    text = section("Receipts and the audit chain")
    for name in (UPDATE_LABEL.decode(), JWS_TYPE, f"0x{LEAF.hex()}", f"0x{NODE.hex()}"):
        assert f"`{name}`" in text


def test_phases_and_attempts_are_described() -> None:
    text = section("The phases of a round")
    described = set(re.findall(r"^\* \*\*(\w+)\*\*", text, re.MULTILINE))
    assert described == set(PHASES) - {"published", "abandoned"}
    default = RoundState(1, 1, 1, 1, 1.0, 1.0).work_attempts_max
    assert default == 5
    assert "after five attempts" in text
