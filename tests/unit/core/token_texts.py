"""Texts on which tokenizers differ if they differ at all: every plane, marks, emoji, line ends, code, and long runs."""

from __future__ import annotations

import random
import unicodedata

_WORDS = (
    *("the", "don't", "I'LL", "we've", "they'Re", "she'd", "it'S", "o'clock", "naïve", "Straße", "ΑΒΓδε", "Привет"),
    *("שלום", "مرحبا", "नमस्ते", "ไทย", "中文字", "日本語テスト", "한국어", "x_1", "fooBar", "HTTPServer", "__init__"),
    *("3.14159", "1,000,000", "0x7fff", "user@example.org", "https://example.org/a/b?c=d#e", "…", "—", "“q”"),
    *("ſſ", "ǅ", "ʰ"),
)
_CODE = (
    "def f(x: int) -> None:\n    return x ** 2  # comment\r\n",
    '\tfor (int i=0;i<10;++i) {\n\t\tprintf("%d\\n", i);\n\t}\n',
    "SELECT * FROM t WHERE a='b' AND c>=10;\n\n\n",
    '<div class="a">&nbsp;</div>\r\n\r\n',
    '{"key": [1, 2.5e-3, null, "\\u00e9"]}',
    "<|endoftext|><|im_start|>",
)
_EMOJI = ("🙂", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "❤️", "1️⃣", "🧑🏿‍🚀")
_SPACES = (
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\u00a0",
    "\u2003",
    "\u3000",
    "\u2028",
    "\x0b",
    "\x85",
    " \n ",
    "   \r\n\r\n  ",
)
_MARKS = ("e\u0301", "a\u0308\u0323", "\u0301", "क\u094dष", "Z\u0351\u036b\u0343", "\u200d", "\ufe0f", "\u0e33")


def make_texts(number: int, seed: int = 7) -> list[str]:
    """Return texts, the same ones for the same seed."""
    chance = random.Random(seed)
    texts = ["", " ", "\n", "a", "'", "'s", " 's", "''ll", "/", "//\n/"]
    texts += [chr(code) for code in range(0x3000) if unicodedata.category(chr(code)) != "Cs"][: number // 4]
    while len(texts) < number:
        texts.append("".join(_piece(chance) for _ in range(chance.choice((1, 2, 3, 8, 20)))))
    return texts[:number]


def _piece(chance: random.Random) -> str:
    kind = chance.randrange(9)
    if kind == 0:
        return _any_character(chance) * chance.choice((1, 1, 1, 2, 5))
    if kind == 1:
        return "".join(_any_character(chance) for _ in range(chance.randrange(1, 6)))
    if kind == 2:
        return chance.choice(_EMOJI)
    if kind == 3:
        return chance.choice(_SPACES) * chance.choice((1, 1, 2, 7))
    if kind == 4:
        return chance.choice(_CODE)
    if kind == 5:
        return chance.choice(_MARKS)
    if kind == 6:
        return "".join(chance.choice("aAbZ09'’s -_.,;/\n\r\t\u0301ſé") for _ in range(chance.randrange(1, 30)))
    return chance.choice(("", " ")) + chance.choice(_WORDS)


def _any_character(chance: random.Random) -> str:
    """Return a character of any plane."""
    while True:
        plane = chance.choice((0, 0, 0, 1, 1, 2, 3, chance.randrange(17)))
        code = plane * 0x10000 + chance.randrange(0x10000)
        if not 0xD800 <= code < 0xE000:
            return chr(code)
