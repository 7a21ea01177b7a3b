"""report.md: the same words and tables as the page, without the plots."""

import re

from evaluation.offline.report.headline import headline
from evaluation.offline.report.outline import outline
from evaluation.offline.report.reading import Summary
from evaluation.offline.report.section import Section
from evaluation.offline.report.table import Table, escape_markdown


def report_markdown(summary: Summary) -> str:
    """The report as Markdown, ending in a line feed."""
    said = headline(summary)
    data = summary.get("data") or {}
    blocks = [f"# {escape_markdown(said.title)}"]
    if data.get("name"):
        blocks.append(f"Data: {escape_markdown(str(data['name']))}")
    blocks.append("\n".join(f"- {escape_markdown(sentence)}" for sentence in said.sentences))
    blocks += [block for section in outline(summary) for block in _section(section)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _section(section: Section) -> list[str]:
    tables = [figure.table for figure in section.figures if figure.table is not None]
    blocks = [f"## {escape_markdown(section.title)}", escape_markdown(section.lead)]
    blocks += [
        block for table in (*section.beside, *section.tables, *tables) for block in _table(table)
    ]
    blocks += [escape_markdown(figure.note) for figure in section.figures if figure.note]
    blocks += [escape_markdown(note) for note in section.notes]
    return [*blocks, *([fenced(section.code)] if section.code else [])]


def _table(table: Table) -> list[str]:
    return [f"**{escape_markdown(table.title)}**", table.to_markdown()]


def fenced(code: str) -> str:
    """A code block whose fence is longer than any within."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{code}\n{fence}"
