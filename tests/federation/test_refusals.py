import re

import pytest

from federation.refusals import REASONS, Refusal

STABLE = {
    "not_assigned",
    "assignment_expired",
    "round_closed",
    "update_conflict",
    "wrong_length",
    "bad_magic",
    "wrong_layout",
    "wrong_plan",
    "off_grid",
    "over_clip",
    "metric_out_of_range",
    "device_revoked",
    "round_paused",
    "unexpected_event",
}


def test_unknown_reason_is_a_bug() -> None:
    with pytest.raises(ValueError, match="reason"):
        Refusal("no_such_reason", "detail")


def test_table_is_read_only() -> None:
    with pytest.raises(TypeError):
        REASONS["new"] = "meaning"  # type: ignore[index]


def test_no_reason_is_ever_taken_away() -> None:
    assert set(REASONS) >= STABLE


def test_reasons_are_codes_with_a_one_line_meaning() -> None:
    for reason, meaning in REASONS.items():
        assert re.fullmatch(r"[a-z][a-z_]*", reason)
        assert meaning.endswith(".")
        assert "\n" not in meaning
