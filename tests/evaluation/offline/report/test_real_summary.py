"""The report of an evaluation as it is really summarised, and the example held to its shape."""

from pathlib import Path
from typing import Any

import pytest

from evaluation.offline.report.files import write_report
from evaluation.offline.report.page import report_page
from evaluation.offline.summary import summary
from tests.evaluation.offline.made_up_evaluation import make_evaluation
from tests.evaluation.offline.report.example_summary import example_summary


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    return summary(make_evaluation(), n_boot=100)


def test_the_example_has_the_shape_of_a_real_one(real: dict[str, Any]) -> None:
    example = example_summary()
    assert example.keys() == real.keys()
    for part in ("data", "bootstrap", "chance", "adaptation"):
        assert example[part].keys() == real[part].keys()
    for part in ("ratios", "by_history_length", "by_item_popularity"):
        assert example[part][0].keys() == real[part][0].keys()
    assert example["models"][0].keys() == real["models"][0].keys()
    assert example["models"][0]["metrics"].keys() == real["models"][0]["metrics"].keys()
    assert example["models"][0]["seeds"][0].keys() == real["models"][0]["seeds"][0].keys()
    assert example["canary"]["twofold"].keys() == real["canary"]["twofold"].keys()
    assert example["exposure"]["groups"][0].keys() == real["exposure"]["groups"][0].keys()
    group = next(iter(real["fairness"].values()))
    assert example["fairness"]["age"].keys() == group.keys()
    assert example["fairness"]["age"]["groups"][0].keys() == group["groups"][0].keys()


def test_a_real_one_is_written_whole(real: dict[str, Any], tmp_path: Path) -> None:
    write_report(real, tmp_path)
    page = report_page(real)
    for name in ("quality", "ratios", "canary", "learning", "ranks", "adaptation", "places"):
        assert f'<section id="{name}"' in page
    for name in ("fairness", "exposure", "method"):
        assert f'<section id="{name}"' in page
    assert "None" not in page
