"""`Session`: a loaded graph, whatever runtime computes it: its inputs, its output, and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias

from ratatoskr.errors import ConfigurationError, MalformedResponse
from ratatoskr.local.graph.cache import GraphInMemory

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import numpy as np

    from ratatoskr.local.engine.stop import StopSignal

    Integers = np.ndarray[Any, Any]
    Feeds: TypeAlias = "Mapping[str, Integers]"

__all__ = ["ChooseOutput", "GraphInput", "GraphSource", "Runtime", "Session", "describe_error", "make_session"]

GraphSource: TypeAlias = Path | GraphInMemory | bytes
"""A graph that the package built, its weights in a file beside it or in memory; or the bytes of a ready-made one, which
cannot refer to other files."""

ChooseOutput: TypeAlias = "Callable[[Mapping[str, Sequence[Any]]], str]"
"""Returns the name of the output to compute, from the shapes of a graph's outputs by name."""

_IDS: Final = "input_ids"
_MASK: Final = "attention_mask"
_TYPES: Final = "token_type_ids"
_SUPPORTED_INPUTS: Final = {_IDS, _MASK, _TYPES}


class GraphInput(NamedTuple):
    """An input of a graph.

    Attributes:
        name: its name.
        type: the type of its numbers, as the runtime names it.
        integers: the type in numpy; `None` if it takes no integers of 32 or 64 bits.
        shape: the size of each axis: an `int` if it is fixed, anything else otherwise.
    """

    name: str
    type: str
    integers: str | None
    shape: Sequence[object]


class Runtime(Protocol):
    """What computes a graph; its methods are called from several threads at once."""

    def start(self) -> Any:
        """Return a run that has not begun; a `StopSignal` ends it early by setting its `terminate`."""
        ...

    def run(self, feeds: Feeds, run: Any) -> np.ndarray[Any, Any]:
        """Return the output of a run from `start`; raise any exception if it fails or is terminated."""
        ...


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Session:
    """A loaded graph; `run` may be called from several threads at once.

    Attributes:
        name: name of the model, for messages.
        runtime: computes the graph.
        inputs: the graph's inputs by name, with the integers that each takes.
        pad: the id that fills up rows to a fixed width.
        width: the number of tokens of every row, if the graph takes no other.
        rows: the number of rows of a run, if the graph takes no other.
        vocabulary: the number of ids that it knows, of a runtime that does not check them itself.
    """

    name: str
    runtime: Runtime
    inputs: Mapping[str, str]
    pad: int = 0
    width: int | None = None
    rows: int | None = None
    vocabulary: int | None = None

    def run(
        self, ids: Integers, mask: Integers, types: Integers | None = None, *, stop: StopSignal | None = None
    ) -> np.ndarray[Any, Any]:
        """Return the output for a batch; its first axis is that of the ids.

        Args:
            ids: ids of the tokens: (items, width).
            mask: 1 for a token, 0 for padding.
            types: the segment of each token, for pairs; 0 by default. Inputs that the graph does not take are ignored.
            stop: ends the run early.

        Raises:
            MalformedResponse: the runtime failed, or the run was ended.
        """
        import numpy as np

        given = {_IDS: ids, _MASK: mask}
        if _TYPES in self.inputs:
            given[_TYPES] = np.zeros_like(ids) if types is None else types
        if self.width is None and self.rows is None:
            return self._compute(given, stop)
        step = self.rows or len(ids)
        parts = [self._compute(self._fill(given, start, step), stop) for start in range(0, len(ids), step)]
        return np.concatenate(parts)[: len(ids)]

    def _fill(self, given: dict[str, Integers], start: int, step: int) -> dict[str, Integers]:
        """Return some rows of the inputs, filled up to the graph's fixed width and number of rows."""
        import numpy as np

        filled = {}
        for name, array in given.items():
            part = array[start : start + step]
            columns = max(0, (self.width or 0) - part.shape[1])
            wide = np.pad(part, ((0, 0), (0, columns)), constant_values=self.pad if name == _IDS else 0)
            filled[name] = np.pad(wide, ((0, max(0, (self.rows or 0) - len(part))), (0, 0)), mode="edge")
        return filled

    def _compute(self, given: Feeds, stop: StopSignal | None) -> np.ndarray[Any, Any]:
        import numpy as np

        try:
            feeds = {
                name: given[name].astype(kind, copy=False, casting="same_kind") for name, kind in self.inputs.items()
            }
            run = self.runtime.start()
            watched: AbstractContextManager[None] = nullcontext() if stop is None else stop.watch(run)
            with watched:
                out = self.runtime.run(feeds, run)
        except Exception as error:  # the runtimes' own classes derive from Exception only
            raise MalformedResponse(
                f"the model failed: {describe_error(error)}", model=self.name, retryable=False
            ) from None
        return np.ascontiguousarray(out, np.float32)


def make_session(
    name: str, runtime: Runtime, inputs: Iterable[GraphInput], pad: int, vocabulary: int | None = None
) -> Session:
    """Return the session of a loaded graph.

    Raises:
        ConfigurationError: its inputs are not supported, or of different sizes.
    """
    given = {graph_input.name: graph_input for graph_input in inputs}
    integers = _read_inputs(given, name)
    rows, width = _read_fixed_sizes([graph_input.shape for graph_input in given.values()], name)
    return Session(name, runtime, integers, pad, width, rows, vocabulary)


def _read_inputs(inputs: Mapping[str, GraphInput], model: str) -> dict[str, str]:
    """Return the inputs of a graph by name, with the integers that each takes.

    Raises:
        ConfigurationError: one is not supported.
    """
    if _IDS not in inputs or inputs.keys() - _SUPPORTED_INPUTS:
        supported = f"{_IDS}, and optionally {_MASK} and {_TYPES}"
        raise ConfigurationError(f"the graph takes {', '.join(sorted(inputs))}; supported are {supported}", model=model)
    integers = {}
    for name, kind, type_in_numpy, shape in inputs.values():
        if type_in_numpy is None:
            raise ConfigurationError(f"the graph takes {name} as {kind}, not integers", model=model)
        if len(shape) != 2:
            raise ConfigurationError(f"{name} has the shape {[*shape]}, not (items, tokens)", model=model)
        integers[name] = type_in_numpy
    return integers


def _read_fixed_sizes(shapes: Sequence[Sequence[object]], model: str) -> tuple[int | None, int | None]:
    """Return the number of rows and of tokens of each row that a graph takes; `None` where any number is taken.

    Raises:
        ConfigurationError: its inputs are of different sizes.
    """
    sizes = [{size for size in axis if isinstance(size, int)} for axis in zip(*shapes, strict=True)]
    if any(len(fixed) > 1 or 0 in fixed for fixed in sizes):
        shown = [[*shape] for shape in shapes]
        raise ConfigurationError(f"the graph's inputs have the shapes {shown}, which do not match", model=model)
    rows, width = (next(iter(fixed), None) for fixed in sizes)
    return rows, width


def describe_error(error: Exception) -> str:
    """Return the beginning of a runtime's message in one line."""
    return " ".join(str(error).split())[:200]
