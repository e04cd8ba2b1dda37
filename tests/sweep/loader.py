"""A loader under test, and a sweep of it: every input is refused by a typed error or taken, within bounds."""

from __future__ import annotations

import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import ratatoskr
from ratatoskr.errors import RatatoskrError
from sweep.mutator import Mutator, as_events, as_json, as_object, as_toml, copy_tree

LONGEST = 2048
"""Characters of an error's message, and of the name of its field."""
CPU_LIMIT = 2.0
"""Seconds of this thread that one input may take."""
MEMORY_LIMIT = 100 * 2**20
"""Bytes by which one input may raise the memory of the process."""
TEXT_SHARE = 0.2
"""Of inputs that are text, the share whose bytes are mutated and not the tree."""

_PACKAGE = str(Path(ratatoskr.__file__).parent)


@dataclass(frozen=True)
class Seed:
    """A valid input.

    Attributes:
        value: what is mutated: a tree, or bytes.
        context: passed to the loader unchanged.
    """

    value: Any
    context: Any = None


@dataclass(frozen=True)
class Loader:
    """Something public that reads data of others.

    Attributes:
        name: for the table.
        form: what it takes: JSON, TOML or other bytes, Python objects, or the events of a stream (names and data).
        seeds: valid inputs.
        load: takes an input and its seed's context, reads it, and uses what it gives.
        documented: what it raises besides the errors of the package, as documented.
        share: its share of the inputs, relative to the others.
    """

    name: str
    form: Literal["json", "toml", "bytes", "object", "events"]
    seeds: Sequence[Seed]
    load: Callable[[Any, Any], object]
    documented: tuple[type[Exception], ...] = ()
    share: float = 1.0


@dataclass
class Outcome:
    """What a sweep found.

    Attributes:
        refused: inputs that raised a typed error.
        accepted: inputs that were taken.
        faults: kinds of fault with their number.
        examples: the first input of each kind.
    """

    refused: int = 0
    accepted: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.refused + self.accepted + self.faults.total()


class Hang(BaseException):
    """An input took too long."""


def make_inputs(loader: Loader, count: int, seed: int = 0) -> Iterator[tuple[Any, Any]]:
    """Yield inputs with their seed's context, the seeds themselves first; equal numbers give equal inputs."""
    mutator = Mutator(f"{loader.name} {seed}")
    objects = loader.form == "object"
    write: dict[str, Callable[[Any], Any]] = {"json": as_json, "toml": as_toml, "object": as_object}
    write |= {"bytes": bytes, "events": as_events}
    for number in range(count):
        one = loader.seeds[number % len(loader.seeds)]
        if number < len(loader.seeds):
            made = write[loader.form](copy_tree(one.value))
        elif loader.form == "bytes":
            made = mutator.bytes(one.value)
        elif loader.form in ("object", "events") or mutator.random.random() > TEXT_SHARE:
            made = write[loader.form](mutator.tree(one.value, objects=objects))
        else:
            made = mutator.bytes(write[loader.form](one.value))
        yield made, one.context


def sweep(loader: Loader, count: int, seed: int = 0) -> Outcome:
    """Give a loader a number of inputs and return what became of them."""
    outcome = Outcome()
    before = signal.signal(signal.SIGPROF, _raise_hang)
    try:
        for value, context in make_inputs(loader, count, seed):
            fault = _try(loader, value, context, outcome)
            if fault:
                outcome.faults[fault] += 1
                outcome.examples.setdefault(fault, _show(value))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return outcome


def _raise_hang(_: int, __: FrameType | None) -> None:
    raise Hang


def _try(loader: Loader, value: Any, context: Any, outcome: Outcome) -> str:
    """Return the kind of fault; `""` if there is none."""
    memory = _Memory()
    began = time.thread_time()
    signal.setitimer(signal.ITIMER_PROF, 4 * CPU_LIMIT)
    error: BaseException | None = None
    try:
        loader.load(value, context)
    except KeyboardInterrupt:
        raise
    except BaseException as raised:  # MemoryError and panics of the extension, too
        error = raised
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    spent, grown = time.thread_time() - began, memory.growth()
    if isinstance(error, Hang) or spent > CPU_LIMIT:
        return f"took more than {CPU_LIMIT:g} s of CPU"
    if grown > MEMORY_LIMIT:
        return f"took more than {MEMORY_LIMIT >> 20} MiB"
    if error is None:
        outcome.accepted += 1
        return ""
    if isinstance(error, RatatoskrError):
        for text in (error.message, error.field or ""):
            if not isinstance(text, str) or len(text) > LONGEST:
                return f"long text of {type(error).__name__} at {_place(error)}"
    elif not isinstance(error, loader.documented):
        return f"{type(error).__name__} at {_place(error)}"
    outcome.refused += 1
    return ""


def _place(error: BaseException) -> str:
    """Return the last place in the package that an error came through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(_PACKAGE)] or frames
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}: {str(own[-1].line)[:80]}"


def _show(value: Any) -> str:
    try:
        return repr(value)[:1000]
    except Exception:
        return f"a {type(value).__name__} without a repr"


class _Memory:
    """The highest resident memory since its creation, which Linux resets on request."""

    def __init__(self) -> None:
        _RESET.write_text("5")
        self._before = _high_water_mark()

    def growth(self) -> int:
        return _high_water_mark() - self._before


_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def _high_water_mark() -> int:
    line = next(line for line in _STATUS.read_bytes().splitlines() if line.startswith(b"VmHWM"))
    return int(line.split()[1]) * 1024
