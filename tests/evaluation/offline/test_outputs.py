"""Where results go: what cannot be written is found out before, and everything is written."""

import io
import json
import os
from pathlib import Path

import pytest
from rich.console import Console

from evaluation.offline.outputs import Outputs
from evaluation.offline.report.files import CannotWrite
from tests.evaluation.offline.report.example_summary import example_summary


def test_refuses_a_report_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match=r"file/report: Not a directory"):
        Outputs(report=tmp_path / "file" / "report").check()
    with pytest.raises(CannotWrite, match=r"file is not a folder"):
        Outputs(report=tmp_path / "file").check()


def test_refuses_json_that_is_a_folder_or_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="it is a folder"):
        Outputs(json=tmp_path).check()
    with pytest.raises(CannotWrite, match=r"out\.json: .*file is not a folder"):
        Outputs(json=tmp_path / "file" / "out.json").check()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_refuses_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(CannotWrite, match="Permission denied"):
        Outputs(report=tmp_path).check()
    tmp_path.chmod(0o700)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    outputs = Outputs(json=Path("/dev/full"))
    outputs.check()
    with pytest.raises(CannotWrite, match="No space left"):
        outputs.write(example_summary())


def test_checking_leaves_no_file_behind(tmp_path: Path) -> None:
    Outputs(tmp_path / "a" / "out.json", tmp_path / "b").check()
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_writes_both_and_says_where(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path / "out.json", tmp_path / "report")
    outputs.check()
    outputs.write(example_summary())
    assert json.loads((tmp_path / "out.json").read_text()) == example_summary()
    out = io.StringIO()
    outputs.print(Console(file=out, width=20))
    named = [Path(line.removeprefix("→ ")) for line in out.getvalue().splitlines()]
    assert len(named) == 4
    assert all(path.is_file() for path in named)


def test_without_places_nothing_is_written_or_said(tmp_path: Path) -> None:
    out = io.StringIO()
    Outputs().check()
    Outputs().write(example_summary())
    Outputs().print(Console(file=out))
    assert out.getvalue() == ""
