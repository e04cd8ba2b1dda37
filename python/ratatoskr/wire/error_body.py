"""Error bodies that are not JSON of the dialect: plain text, and HTML pages of proxies."""

from __future__ import annotations

import html
import re

MAX_LENGTH = 200
"""The number of characters that are kept of such a body."""

_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_HTML = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def extract_error_text(body: bytes) -> str:
    """Return the title of an HTML page, or the first characters of any other text, without control characters."""
    text = body[: 64 * 1024].decode("utf-8", "replace")
    if _HTML.match(text):
        title = _TITLE.search(text)
        text = html.unescape(title.group(1)) if title else "an HTML page without a title"
    return _CONTROL.sub(" ", text).strip()[:MAX_LENGTH]
