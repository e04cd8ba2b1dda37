"""Corpora from the language reference that is part of every Python, cut to lengths."""

from __future__ import annotations

import random
from pydoc_data import topics


def words() -> list[str]:
    """Return all words of the reference, in order."""
    return " ".join(topics.topics[name] for name in sorted(topics.topics)).split()


def corpora(short: int = 1536, mixed: int = 512, long: int = 96) -> dict[str, list[str]]:
    """Return texts of 3 to 14 words, of log-normal lengths around 30, and of about 256 tokens or more."""
    rng, source = random.Random(5), words()  # the same texts each time

    def text(count: int) -> str:
        start = rng.randrange(len(source) - count)
        return " ".join(source[start : start + count])

    return {
        "short": [text(rng.randint(3, 14)) for _ in range(short)],
        "mixed": [text(max(3, min(150, int(rng.lognormvariate(3.2, 0.75))))) for _ in range(mixed)],
        "long": [text(220) for _ in range(long)],
    }


def paragraphs() -> list[str]:
    """Return distinct paragraphs of prose, none of which is used for calibration."""
    made = [" ".join(part.split()) for name in sorted(topics.topics) for part in topics.topics[name].split("\n\n")]
    return [part for part in dict.fromkeys(made) if 60 < len(part) < 900]
