"""Who may get opaque state back: the issuer that made it, whatever date its model's name carries."""

from __future__ import annotations

import functools
import re

_EDITION = re.compile(r"(?:@.*|[-_.](?:latest|\d{8}|\d{4}-\d{2}-\d{2}))\Z")
"""What a name adds to say which edition of a model is meant: `-20250929`, `-2025-09-29`, `-latest`, `@20250929`."""


@functools.lru_cache(maxsize=1024)
def same_issuer(a: str, b: str) -> bool:
    """Tell whether state of issuer `a` may go to issuer `b`: the same provider, endpoint family and model.

    Issuers read `provider/family/model`. Of the models, a trailing date, `-latest` or `@version` does not count.
    """
    return a == b or _undated(a) == _undated(b)


def _undated(issuer: str) -> tuple[str, ...]:
    provider_and_family, slash, model = _split(issuer)
    return provider_and_family, slash, _EDITION.sub("", model) or model


def _split(issuer: str) -> tuple[str, str, str]:
    """Cut after the family: a model's own name may hold slashes."""
    provider, first, rest = issuer.partition("/")
    family, second, model = rest.partition("/")
    return f"{provider}{first}{family}", second, model
