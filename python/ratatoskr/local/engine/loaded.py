"""One model in memory: its tokenizer, its sessions and its head."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ratatoskr._core import Tokens
from ratatoskr.errors import ConfigurationError, ContextLengthExceeded
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.head import Head
from ratatoskr.local.engine.machine import find_memory_limit
from ratatoskr.local.engine.onnx import open_onnx
from ratatoskr.local.engine.openvino import open_openvino
from ratatoskr.local.engine.session import GraphSource, GraphWithFiles, Session
from ratatoskr.local.engine.tokenizer import Tokenizer
from ratatoskr.local.precision import Precision
from ratatoskr.local.store.folder import ModelFolder

if TYPE_CHECKING:
    from ratatoskr.local.engine.head import Rows
    from ratatoskr.local.engine.stop import StopSignal

__all__ = ["LoadedModel", "load_model"]

_ANY_LENGTH: Final = 1 << 20
"""A limit that special tokens do not reach."""


@dataclass(slots=True, weakref_slot=True)
class LoadedModel:
    """A model that is ready for use.

    Attributes:
        folder: the settings of the model's folder.
        head: turns items into tokens and the graph's output into rows.
        tokenizer: without truncation.
        session: shared by all workers.
        row_size: the length of a row.
        budget: tokens of one batch, padding included.
        device: where the model runs.
        open_single_text: opens a session of several threads; `None` where a single text is no faster in one, or
            where a second session would take too much memory.
        adds_tokens: whether the tokenizer adds special tokens, so that even an empty text has some.
        single_text_session: a session of several threads for a text that comes alone; opened on demand.
        single_text_session_failed: whether it could not be opened; the shared session then goes on alone.
        single_texts: how many texts came alone.
        gate: bounds the number of large batches that are computed at the same time.
        longest: tokens of a text from which on its attention would take more memory than there is; `None` if the graph
            does not say how many heads it has.
    """

    folder: ModelFolder
    head: Head
    tokenizer: Tokenizer
    session: Session
    row_size: int
    budget: int
    device: Device
    open_single_text: Callable[[], Session] | None
    adds_tokens: bool = True
    single_text_session: Session | None = None
    single_text_session_failed: bool = False
    single_texts: int = 0
    gate: threading.Semaphore | None = None
    longest: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.folder.name

    def tokenise(self, items: list[Any], first: int = 0) -> Tokens:
        """Return the tokens of items, cut to the model's maximum length; raises what `Head.tokenise` raises."""
        return self.head.tokenise(self.tokenizer, items, self.folder.max_length, first)

    def is_long(self, item: object) -> bool:
        """Return whether only the beginning of an item may have been tokenised; see `Tokenizer.is_long`."""
        return self.tokenizer.is_long(item, self.folder.max_length)

    def with_head(self, head: Head) -> LoadedModel:
        """Return the same model under another head, for one call."""
        return replace(self, head=head)

    def allocate_rows(self, count: int) -> Rows:
        """Return an array for the rows of `count` items."""
        import numpy as np

        return np.empty((count, self.row_size), np.float32)

    def compute(
        self, tokens: Tokens, batch: list[int], rows: Rows, *, alone: bool = False, stop: StopSignal | None = None
    ) -> None:
        """Compute some items of `tokens` into their rows; an item without tokens has a row of zeros.

        Raises:
            MalformedResponse: the runtime failed or was stopped, or its output cannot be used.
            ContextLengthExceeded: the attention of a text would take more memory than there is.
        """
        if not self.adds_tokens:
            rows[[item for item in batch if not len(tokens.ids(item))]] = 0.0
            batch = [item for item in batch if len(tokens.ids(item))]
            if not batch:
                return
        session = self.single_text_session if alone and self.single_text_session is not None else self.session
        ids, mask = tokens.pad(batch, session.pad)
        if self.longest is not None and ids.shape[1] > self.longest:
            text = f"the attention of a text of {ids.shape[1]} tokens would take more memory than there is"
            text = f"{text}: at most {self.longest} tokens fit; cut or divide it"
            raise ContextLengthExceeded(text, field="texts", model=self.name)
        output = session.run(ids, mask, tokens.pad_segments(batch), stop=stop)
        self.head.write_rows(output, tokens, batch, rows)

    def plan(self, tokens: Tokens) -> list[list[int]]:
        """Return the items of each batch, longest first, so that none exceeds the budget with its padding."""
        batches, width = tokens.calls(self.budget), self.session.width
        if width is not None:
            most = max(1, self.budget // width)
            batches = [batch[start : start + most] for batch in batches for start in range(0, len(batch), most)]
        end = self.folder.end_id
        return batches if end is None else [part for batch in batches for part in _split_by_count(tokens, batch, end)]

    def open_single_text_session(self) -> None:
        """Open the session for single texts, on a device where several threads make them faster.

        Where that fails, because the graph was removed or memory is short, texts are computed as before.
        """
        with self.lock:
            if self.single_text_session is None and self.open_single_text is not None:
                try:
                    self.single_text_session = self.open_single_text()
                except ConfigurationError:
                    self.single_text_session_failed = True


def _split_by_count(tokens: Tokens, batch: list[int], end: int) -> Iterable[list[int]]:
    """Return the items of a batch that have a token equally often, together."""
    parts: dict[int, list[int]] = {}
    for item in batch:
        parts.setdefault(int((tokens.ids(item) == end).sum()), []).append(item)
    return parts.values()


def load_model(
    folder: ModelFolder, head: Head, graph: GraphSource, device: Device, precision: Precision = "fp32"
) -> LoadedModel:
    """Load a model.

    Args:
        folder: its folder, whose files have been checked.
        head: of the capability that the model is loaded for.
        graph: one that the package built, or the bytes of a ready-made one.
        device: where it runs.
        precision: `bf16` computes in it by OpenVINO; any other is that of the graph.

    Raises:
        ConfigurationError: the graph cannot be loaded, or the tokenizer does not belong to it.
    """
    tokenizer = Tokenizer(folder.read_tokenizer())
    is_ready_made = isinstance(graph, bytes | GraphWithFiles)
    pad = folder.pad_id if is_ready_made else 0  # the package's own graphs do not read padding
    if precision == "bf16":
        session = open_openvino(graph, folder.name, head.choose_output, streams=device.workers, pad=pad)
    else:
        session = open_onnx(graph, folder.name, device, head.choose_output, pad=pad)
    open_single_text = None
    if device.kind == "cpu" and device.workers > 1 and precision != "bf16":
        threads = min(device.workers, 4)
        open_single_text = partial(
            open_onnx, graph, folder.name, device, head.choose_output, threads=threads, spin=True, pad=pad
        )
    limits = [limit for limit in (folder.max_length, session.width) if limit]
    if not limits:
        text = "neither the graph nor a file beside it gives the maximum length of a text (model_max_length)"
        raise ConfigurationError(text, model=folder.name)
    folder = replace(folder, max_length=min(limits))
    shape = folder.architecture
    hidden, intermediate = (shape.hidden, shape.intermediate) if shape else (384, 1536)
    return LoadedModel(
        folder=folder,
        head=head,
        tokenizer=tokenizer,
        session=session,
        row_size=head.count_columns(_measure_output(tokenizer, session, folder.name)),
        adds_tokens=tokenizer.encode([""], _ANY_LENGTH).total() > 0,
        budget=device.budget(hidden, intermediate),
        device=device,
        open_single_text=open_single_text,
        gate=None if device.in_flight is None else threading.Semaphore(device.in_flight),
        longest=None if shape is None or device.kind != "cpu" else _find_longest(shape.heads),
    )


def _find_longest(heads: int) -> int:
    """Return the width of the attention of one text that fits into memory: scores and weights of each head."""
    memory = find_memory_limit() or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return math.isqrt(memory // (2 * 4 * heads))


def _measure_output(tokenizer: Tokenizer, session: Session, name: str) -> int:
    """Run the tokenizer's largest id and return the length of the output's last axis.

    A tokenizer of another model would otherwise fail for some texts only, or give wrong results.
    """
    import numpy as np

    largest = tokenizer.largest_id()
    specials = tokenizer.encode([""], _ANY_LENGTH).ids(0).tolist()  # some classifiers look for the one at the end
    ids = np.array([[*specials[:1], largest, *specials[1:]]], np.int64)
    text = f"tokenizer.json does not belong to this model: its id {largest} is unknown to the graph"
    if session.vocabulary is not None and largest >= session.vocabulary:
        raise ConfigurationError(f"{text} (it knows {session.vocabulary} ids)", model=name)
    try:
        output = session.run(ids, np.ones_like(ids))
    except Exception as error:
        raise ConfigurationError(f"{text} ({error})", model=name) from None
    return int(output.shape[-1])
