"""report.md and report.html: what they hold, that hostile names are text, that parts may lack."""

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from evaluation.offline.report.files import CannotWrite, write_report
from evaluation.offline.report.markdown import fenced, report_markdown
from evaluation.offline.report.page import report_page
from evaluation.offline.report.table import Cell, Table, escape_markdown
from tests.evaluation.offline.report.example_summary import example_summary

HOSTILE = "<script>alert(1)</script>\"'&|`*_[x](javascript:alert(1))\n# heading"
SECTIONS = [
    "quality",
    "ratios",
    "canary",
    "learning",
    "ranks",
    "adaptation",
    "places",
    "fairness",
    "exposure",
    "method",
]
PARTS = [key for key in example_summary() if key != "models"]


class Tags(HTMLParser):
    """Elements and attributes of a page, and whether every element is closed where it should be."""

    VOID = frozenset({"meta", "br", "link", "img", "hr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def named_hostile() -> dict[str, Any]:
    """The example in which every name that comes from data or options is hostile."""
    text = json.dumps(example_summary())
    hostile = json.dumps(HOSTILE)[1:-1]
    for name in (
        "made-up-100k",
        "under 25",
        "3 to 30",
        "top 1 %",
        "ease",
        "leave-last-out by time",
    ):
        text = text.replace(f'"{name}"', f'"{hostile}"')
    found: dict[str, Any] = json.loads(text.replace("twofold evaluate", hostile))
    return found


def test_the_page_holds_every_part_and_is_well_formed() -> None:
    tags = Tags(report_page(example_summary()))
    assert tags.open == []
    assert [a["id"] for tag, a in tags.found if tag == "section"] == SECTIONS
    assert sum(tag == "h1" for tag, _ in tags.found) == 1
    for tag, attributes in tags.found:
        assert tag != "svg" or "aria-label" in attributes or "aria-hidden" in attributes
        assert not any(name.startswith("on") for name in attributes)


def test_the_page_asks_nobody_for_anything() -> None:
    tags = Tags(report_page(example_summary()))
    assert {tag for tag, _ in tags.found}.isdisjoint({"link", "img", "iframe", "object", "image"})
    for _, attributes in tags.found:
        assert not {"src", "srcset", "data", "xlink:href", "style"} & attributes.keys()
        assert (attributes.get("href") or "#").startswith("#")
    style = re.search(r"<style>(.*?)</style>", report_page(example_summary()), re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]


@pytest.mark.parametrize("part", PARTS)
def test_any_part_may_lack(part: str) -> None:
    summary = example_summary()
    del summary[part]
    assert Tags(report_page(summary)).open == []
    assert report_markdown(summary).startswith("# ")


@pytest.mark.parametrize(
    "summary",
    [
        {},
        {"models": []},
        {"models": [{"name": "popular"}]},
        {"models": [{"name": "popular", "metrics": {"ndcg@10": {"mean": None}}}], "canary": {}},
        {"models": [{"name": "twofold", "metrics": {"ndcg@10": {"mean": 0.0}}, "seeds": []}]},
    ],
)
def test_hardly_anything_is_enough(summary: dict[str, Any]) -> None:
    assert Tags(report_page(summary)).open == []
    assert report_markdown(summary).startswith("# ")


def test_figures_that_are_not_known_are_dashes() -> None:
    def unknown(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                k: None if k in {"low", "high", "std"} else unknown(v) for k, v in value.items()
            }
        return [unknown(one) for one in value] if isinstance(value, list) else value

    summary = unknown(example_summary())
    for found in summary["fairness"].values():
        found.update(gap=None, shortfall=None, worst=None)
    page = report_page(summary)
    assert Tags(page).open == []
    assert "None" not in page
    assert "nan" not in report_markdown(summary).split()
    assert "cannot be told apart" in page


def test_hostile_names_are_text_on_the_page() -> None:
    page = report_page(named_hostile())
    tags = Tags(page)
    assert tags.open == []
    assert sum(tag == "script" for tag, _ in tags.found) == 1
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_hostile_names_are_text_in_markdown() -> None:
    body, _, rest = report_markdown(named_hostile()).partition("```text")
    assert "<script>" not in body
    assert "](javascript" not in body.replace("\\](javascript", "")
    assert "\n# heading" not in body
    assert rest.rstrip().endswith("```")
    for line in body.splitlines():
        if line.startswith("|"):
            assert line.endswith(" |")


def test_every_row_of_a_table_has_its_columns() -> None:
    widths: list[int] = []
    for line in [*report_markdown(example_summary()).splitlines(), ""]:
        if line.startswith("|"):
            widths.append(len(re.findall(r"(?<!\\)\|", line)))
        else:
            assert len(set(widths)) <= 1
            widths = []


def test_markdown_says_the_result_and_the_figures() -> None:
    text = report_markdown(example_summary())
    assert text.startswith("# Twofold ranks the held-out item 1.21 times as well as SASRec\n")
    assert "| Twofold | 0.1432 [0.1303, 0.1561] |" in text
    assert "```text\ntwofold evaluate" in text


def test_a_fence_is_longer_than_any_within() -> None:
    assert fenced("a ```` b") == "`````text\na ```` b\n`````"


def test_intervals_keep_their_brackets_and_links_do_not() -> None:
    assert escape_markdown("1.2 [1.0, 1.4]") == "1.2 [1.0, 1.4]"
    assert escape_markdown("hr@10 @who") == "hr@10 \\@who"
    assert escape_markdown("[1](x)") == "\\[1\\](x)"
    table = Table("t", ("a", "b"), (("x|y", Cell("1", "[0, 2]")),))
    assert table.to_markdown() == "| a | b |\n| --- | ---: |\n| x\\|y | 1 [0, 2] |"


def test_a_summary_is_left_as_it_was() -> None:
    summary = example_summary()
    before = copy.deepcopy(summary)
    report_page(summary)
    report_markdown(summary)
    assert summary == before


def test_writes_three_files_over_older_ones(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    for _ in range(2):
        write_report(example_summary(), folder)
    assert sorted(p.name for p in folder.iterdir()) == [
        "evaluation.json",
        "report.html",
        "report.md",
    ]
    assert json.loads((folder / "evaluation.json").read_text()) == example_summary()
    assert (folder / "report.html").read_text().startswith("<!doctype html>")


def test_ids_without_bytes_in_utf8_do_not_stop_it(tmp_path: Path) -> None:
    write_report({"data": {"name": "a\ud800b"}, "command": "\ud800"}, tmp_path)
    assert "a?b" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_says_which_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match=r"cannot write the report into .*file/report"):
        write_report(example_summary(), tmp_path / "file" / "report")


def test_a_file_in_the_way_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "report.md").mkdir()
    with pytest.raises(CannotWrite):
        write_report(example_summary(), tmp_path)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
