"""Error bodies that are no JSON of the dialect: plain text, and the HTML of a proxy in between."""

from __future__ import annotations

import html
import re

LONGEST = 200
"""Characters of such a body that are quoted."""

_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_HTML = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def words_of(body: bytes) -> str:
    """Return the words of a body: its HTML title or its first characters, without control characters."""
    text = body[: 64 * 1024].decode("utf-8", "replace")
    if _HTML.match(text):
        title = _TITLE.search(text)
        text = html.unescape(title.group(1)) if title else "an HTML page without a title"
    return _CONTROL.sub(" ", text).strip()[:LONGEST]
