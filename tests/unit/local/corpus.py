"""Two thousand texts of many kinds, the same on every machine."""

from __future__ import annotations

import random

WORDS = str.split(
    """
the of and to in is a that for it as was with be by on not he his but at are this have from or had an they
which one you were all her she there would their we him been has when who will more no if out so said what up
its about into than them can only other new some could time these two may then do first any my now such like
our over man me even most made after also did many before must through back years where much your way well
down should because each just those people how too little state good very make world still own see men work
long get here between both life being under never day same another know while last might us great old year off
come since against go came right used take three embedding tokenizer quantum ligament photosynthesis
jurisprudence antidisestablishmentarianism
"""
)

PLANES = ((0x20, 0x7F), (0xA0, 0x2FF), (0x370, 0x7FF), (0x900, 0x1FFF), (0x2000, 0x2FFF), (0x3040, 0x9FFF))
PLANES += ((0xAC00, 0xD7A3), (0xE000, 0xFFFD), (0x10000, 0x1FFFF), (0x20000, 0x323AF), (0xE0000, 0x10FFFF))


def texts(count: int = 2000) -> list[str]:
    """Return short, mixed, long, foreign and empty texts, and some of 10,000 characters, shuffled."""
    rng = random.Random(20261123)  # the texts must be the same each time
    made = ["", " ", "\n\t", "[CLS] [SEP] [PAD] [MASK]", "<s></s><pad>", "a", "ﬀ Å e\u0301 İ ß", "\u0000\ufeff\u200b"]
    made += [_words(rng, 1500)[:10_000], "x" * 10_000, "é漢🎉 " * 2_500]
    while len(made) < count:
        kind = rng.random()
        if kind < 0.4:
            made.append(_words(rng, rng.randint(3, 18)))
        elif kind < 0.75:
            made.append(_words(rng, min(250, int(rng.lognormvariate(3.6, 0.8)) + 1)))
        elif kind < 0.8:
            made.append(_words(rng, rng.randint(230, 320)))
        else:
            made.append(_foreign(rng, rng.randint(1, 60)))
    rng.shuffle(made)
    return made


def _words(rng: random.Random, count: int) -> str:
    words = [rng.choice(WORDS) for _ in range(count)]
    return " ".join(word + rng.choice(("", "", "", "", ",", ".", "?", "'s", "-")) for word in words).capitalize()


def _foreign(rng: random.Random, count: int) -> str:
    letters = []
    for _ in range(count):
        low, high = rng.choice(PLANES)
        letters.append(chr(rng.randint(low, high)))
        if rng.random() < 0.15:
            letters.append(" ")
    return "".join(letters)
