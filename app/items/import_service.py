"""Bulk import: good lines are stored in batches, bad ones are reported."""

from collections.abc import AsyncIterator

from pydantic import ValidationError

from app.errors import ERRORS_MAX, field_errors
from app.items import service
from app.items.changes import Draft
from app.items.lines import LINE_BYTES_MAX, Line, lines_of
from app.items.schemas import ImportLine, ImportReport, LineError
from app.wiring import State

BATCH_ITEMS = 500
"""A transaction's worth: long enough to pay for its sync, short enough to let others write."""


def read_line(line: Line) -> Draft | list[LineError]:
    """The item of a line, or what is wrong with it."""
    if line.body is None:
        message = f"must not be longer than {LINE_BYTES_MAX} bytes"
        return [LineError(line=line.number, field="line", message=message)]
    try:
        item = ImportLine.model_validate_json(line.body)
    except ValidationError as error:
        # The location of a body's error starts with its source, as it does in every other route.
        located = [{**e, "loc": ("line", *e["loc"])} for e in error.errors(include_url=False)]
        return [LineError(line=line.number, **entry) for entry in field_errors(located)]
    return Draft(item.id, item.content())


async def import_items(state: State, chunks: AsyncIterator[bytes]) -> ImportReport:
    """Store the items of a streamed NDJSON body.

    Each batch commits by itself, so an import that breaks off keeps what it stored; sending it
    again finds those items unchanged.
    """
    report, batch = ImportReport(), list[Draft]()
    async for line in lines_of(chunks):
        read = read_line(line)
        if isinstance(read, Draft):
            batch.append(read)
        else:
            report.rejected += 1
            report.errors.extend(read[: ERRORS_MAX - len(report.errors)])
        if len(batch) == BATCH_ITEMS:
            await _store(state, batch, report)
            batch = []
    await _store(state, batch, report)
    return report


async def _store(state: State, batch: list[Draft], report: ImportReport) -> None:
    if not batch:
        return
    counts = await service.put_items(state, batch)
    report.created += counts["created"]
    report.replaced += counts["replaced"]
    report.unchanged += counts["unchanged"]
