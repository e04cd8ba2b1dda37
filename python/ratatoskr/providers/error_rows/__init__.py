"""The codes and words with which providers report an error: data, in one table."""

from __future__ import annotations

from ratatoskr.providers.error_rows import content, context, model, overload, quota
from ratatoskr.providers.error_rows.row import Row

ROWS: tuple[Row, ...] = tuple(
    sorted(
        (*content.ROWS, *quota.ROWS, *context.ROWS, *model.ROWS, *overload.ROWS),
        key=lambda row: (row.host is None, row.code is None),
    )
)
"""The first match decides: the rows of one host come first, then those with a code, then those of words alone."""
