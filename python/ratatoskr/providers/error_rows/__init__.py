"""The codes and words with which providers report an error: data, in one table."""

from __future__ import annotations

from ratatoskr.providers.error_rows import content, context, model, overload, quota
from ratatoskr.providers.error_rows.row import Row

ROWS: tuple[Row, ...] = tuple(
    sorted(
        (*content.ROWS, *quota.ROWS, *context.ROWS, *model.ROWS, *overload.ROWS),
        key=lambda row: row.code is None,
    )
)
"""The first match decides: the rows with a code come first, then those of words alone."""
