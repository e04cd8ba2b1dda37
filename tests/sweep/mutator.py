"""Seeded mutations of data: of JSON trees, of Python objects and of bytes.

A mutated tree holds `Stub`s where JSON text can say what no ordinary value is (a nesting of 100,000, a number of 5,000
digits); `as_json` and `as_object` put the thing itself there.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from sweep.values import BYTES, KEYS, SCALARS, odd_object

DEPTHS = (2, 40, 63, 65, 300, 1100, 20_000)
DIGITS = (20, 400, 5000)


class Stub(str):
    """Stands for something that is written only at the end; its text is unique in the data."""

    __slots__ = ()


def _stub(kind: str, size: int) -> Stub:
    return Stub(f"stub-{kind}-{size}")


_STUB = re.compile(r'"stub-(array|object|digits|exponent)-(\d+)"')
_WRITTEN: dict[str, Callable[[int], str]] = {
    "array": lambda size: "[" * size + "]" * size,
    "object": lambda size: '{"a":' * size + "1" + "}" * size,
    "digits": lambda size: "9" * size,
    "exponent": lambda size: f"1e{size}",
}
STUBS = (
    *(_stub(kind, size) for kind in ("array", "object") for size in DEPTHS),
    *(_stub("digits", size) for size in DIGITS),
    _stub("exponent", 999),
    _stub("exponent", 99_999),
)


class Mutator:
    """Makes inputs from seeds; the same number gives the same inputs."""

    def __init__(self, seed: int | str) -> None:
        self.random = Random(seed)

    def tree(self, value: Any, *, objects: bool = False) -> Any:
        """Return a copy of a JSON tree with one mutation or a few; with `objects`, also into what is not JSON."""
        random = self.random
        root = [copy_tree(value)]
        places = list(_places(root))
        for _ in range(random.choice((1, 1, 1, 2, 2, 3, 6))):
            holder, key = random.choice(places) if random.random() > 0.02 else (root, 0)
            if key in holder if isinstance(holder, dict) else isinstance(key, int) and key < len(holder):
                self._mutate(holder, key, root, places, objects)
        return root[0] if root else None

    def _mutate(self, holder: Any, key: Any, root: list[Any], places: list[tuple[Any, Any]], objects: bool) -> None:
        random, old = self.random, holder[key]
        choice = random.random()
        if objects and choice < 0.2:
            holder[key] = (
                _stub("circle", random.choice((0, 0, 1, 2, 5))) if random.random() < 0.4 else odd_object(random)
            )
        elif choice < 0.45:
            holder[key] = copy_tree(random.choice(SCALARS))
        elif choice < 0.52:
            holder[key] = random.choice(STUBS)
        elif choice < 0.62:
            holder[key] = self._near(old)
        elif choice < 0.70:
            other, name = random.choice(places)
            if name in other if isinstance(other, dict) else name < len(other):
                holder[key] = copy_tree(other[name])
        elif choice < 0.80:
            if holder is not root:
                del holder[key]
        elif choice < 0.88:
            if isinstance(holder, dict):
                holder[random.choice((*KEYS, f"{key}s", str(key).upper(), str(key)[:-1]))] = old
            else:
                holder.insert(random.randrange(len(holder) + 1), copy_tree(old))
        elif choice < 0.92:
            holder[key] = random.choice(([old], {"a": old}, {str(key): old}, [[old], old], {"value": old, "type": "x"}))
        elif choice < 0.94:
            holder[key] = [copy_tree(old) for _ in range(random.choice((2, 30, 300)))]
        elif isinstance(holder, dict):
            holder[random.choice(KEYS)] = holder.pop(key)
        elif holder is not root:
            random.shuffle(holder)

    def _near(self, old: Any) -> Any:
        """Return a value near to another: of a related type, longer, negative, or written as text."""
        random, kind = self.random, type(old)
        if kind is bool or old is None:
            return random.choice((not old, int(bool(old)), str(old).lower(), None))
        if kind is int and abs(old) < 2**64:
            return random.choice((-old, old + 1, old - 1, old * 2**40, float(old), str(old), bool(old), old + 0.5))
        if kind is float:
            return random.choice((-old, old * 1e300, str(old), math.nan, bool(old)))
        if kind is str:
            cut = random.randrange(len(old) + 1)
            return random.choice(
                (old[:cut], old[cut:], old + old, old.upper(), f" {old}\n", f"{old[:cut]}\ud83d{old[cut:]}")
            )
        if kind is list:
            return random.choice((old * 3, old[:1], old[::-1], dict.fromkeys(map(str, range(len(old)))), {"0": old}))
        return random.choice((list(old.values()), list(old))) if kind is dict else 0

    def bytes(self, data: bytes) -> bytes:
        """Return bytes with a few mutations."""
        random = self.random
        out = bytearray(data)
        for _ in range(random.choice((1, 1, 2, 3, 8))):
            at = random.randrange(len(out) + 1)
            end = min(len(out), at + random.choice((1, 1, 2, 4, 8, 40)))
            match random.randrange(8):
                case 0:
                    out[at:end] = bytes(random.randrange(256) for _ in range(end - at))
                case 1:
                    del out[at:end]
                case 2:
                    out[at:at] = out[at:end] * random.choice((1, 2, 500))
                case 3:
                    del out[at:]
                case 4:
                    out[at:at] = random.choice(BYTES)
                case 5:
                    out[at:end] = random.choice(BYTES)
                case 6:
                    other = random.randrange(len(out) + 1)
                    out[at:end] = out[other : other + 40]
                case _ if at < len(out):
                    out[at] ^= 1 << random.randrange(8)
        return bytes(out)


def copy_tree(value: Any) -> Any:
    """Return a deep copy of a JSON tree; other values are kept."""
    if type(value) is dict:
        return {key: copy_tree(item) for key, item in value.items()}
    return [copy_tree(item) for item in value] if type(value) is list else value


def _places(root: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container of a tree with each of its keys or indices."""
    for holder in _containers(root):
        for key in holder if isinstance(holder, dict) else range(len(holder)):
            yield holder, key


def as_json(tree: Any) -> bytes:
    """Return a mutated tree as JSON text; a lone surrogate is escaped."""
    text = json.dumps(tree)
    if "stub-" in text:
        text = _STUB.sub(lambda match: _WRITTEN[match[1]](int(match[2])), text)
    return text.encode()


def as_events(tree: Any) -> list[tuple[str, bytes]]:
    """Return a mutated list of pairs as the events of a stream; texts in place of data are kept as they are."""
    pairs = [pair for pair in tree if isinstance(pair, list) and len(pair) == 2] if isinstance(tree, list) else []
    return [
        (str(name), data.encode("utf-8", "replace") if type(data) is str else as_json(data)) for name, data in pairs
    ]


def as_object(tree: Any) -> Any:
    """Return a mutated tree with nested objects and huge numbers in place of its stubs."""
    holder = [tree]
    found = list(_containers(holder))
    for inner, key, stub in [(inner, key, inner[key]) for inner, key in _places(holder) if type(inner[key]) is Stub]:
        _, kind, size = stub.split("-")
        inner[key] = found[int(size) % len(found)] if kind == "circle" else _thing(kind, int(size))
    return holder[0]


def _containers(root: Any) -> Iterator[Any]:
    queue = [root]
    while queue:
        holder = queue.pop()
        yield holder
        queue += [item for item in (holder.values() if type(holder) is dict else holder) if type(item) in (dict, list)]


def _thing(kind: str, size: int) -> Any:
    if kind in ("digits", "exponent"):
        return 10**size
    value: Any = 1
    for _ in range(size):
        value = [value] if kind == "array" else {"a": value}
    return value


def as_toml(tree: Any) -> bytes:
    """Return a mutated tree as TOML text; what TOML does not have is written as JSON has it."""
    text = (
        "\n".join(f"{_toml_key(key)} = {_toml_value(value)}" for key, value in tree.items())
        if isinstance(tree, dict)
        else json.dumps(tree)
    )
    text = _STUB.sub(lambda match: _WRITTEN[match[1]](int(match[2])).replace('"a":', "a ="), text)
    return text.encode("utf-8", "surrogatepass")


def _toml_key(name: object) -> str:
    return json.dumps(str(name), ensure_ascii=False)


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml_key(key)} = {_toml_value(item)}' for key, item in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
