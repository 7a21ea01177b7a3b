"""The table says plainly which rows were too slow."""

from tests.faults.fault_table import FaultTable
from tests.faults.recovery import Recovery


def table_of(*walls_s: float) -> FaultTable:
    table = FaultTable()
    for wall_s in walls_s:
        table.note("F1", "`kill -9`", "sqlite", Recovery(wall_s, cpu_s=0.2, next_s=9.0))
    return table


def test_one_slow_repetition_is_named() -> None:
    assert table_of(0.1, 5.0).verdict() == "NOT in less than 5 s: F1 `kill -9` on sqlite (5.0 s)."


def test_a_version_may_take_longer() -> None:
    table = table_of(0.1, 4.9)
    assert table.verdict() == "Every repetition of every row recovered in less than 5 s."
    assert table.verdict() in table.lines()
    cell = "2: 2.5 s, at most 4.9 s; version 9.0 s; CPU 0.2 s"
    assert any(cell in line for line in table.lines())
