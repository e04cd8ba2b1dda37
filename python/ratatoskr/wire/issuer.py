"""Whether opaque state of one issuer may be sent to another: dates and versions in model names are ignored."""

from __future__ import annotations

import functools
import re

_EDITION = re.compile(r"(?:@.*|[-_.](?:latest|\d{8}|\d{4}-\d{2}-\d{2}))\Z")
"""The suffix that names the edition of a model: `-20250929`, `-2025-09-29`, `-latest`, `@20250929`."""


@functools.lru_cache(maxsize=1024)
def same_issuer(a: str, b: str) -> bool:
    """Return whether state of issuer `a` may be sent to issuer `b`: the same provider, endpoint family and model.

    Issuers have the form `provider/family/model`. A date, `-latest` or `@version` at the end of the model is ignored.
    """
    return a == b or _without_edition(a) == _without_edition(b)


def _without_edition(issuer: str) -> tuple[str, str]:
    provider, _, rest = issuer.partition("/")
    family, slash, model = rest.partition("/")  # the model's own name may contain slashes
    return f"{provider}/{family}{slash}", _EDITION.sub("", model) or model
