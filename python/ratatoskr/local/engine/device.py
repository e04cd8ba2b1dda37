"""Where a model runs, and what that asks of ONNX Runtime."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from ratatoskr.errors import ConfigurationError

__all__ = ["Device"]

Provider = str | tuple[str, dict[str, Any]]

CPU_BUDGET: Final = 384
"""Tokens of one call on a core: more, and the activations leave its second cache."""
CUDA_BUDGET: Final = 65536


@dataclass(frozen=True, slots=True)
class Device:
    """A device: `Device.cpu()` or `Device.cuda(0)`.

    Attributes:
        kind: `cpu` or `cuda`.
        index: which of its kind.
        workers: threads, which tokenise and compute; on a CPU one a core.
        tokens: of one call, padding counted; `None` chooses by the device and the model's size.
        in_flight: large calls that compute at a time; `None` is one a worker.
    """

    kind: Literal["cpu", "cuda"] = "cpu"
    index: int = 0
    workers: int = 0
    tokens: int | None = None
    in_flight: int | None = None

    @classmethod
    def cpu(cls, *, workers: int | None = None, tokens: int | None = None) -> Self:
        """Return the processor, with one worker a core that this process may use unless told otherwise."""
        return cls("cpu", 0, workers or len(os.sched_getaffinity(0)), tokens)

    @classmethod
    def cuda(cls, index: int = 0, *, workers: int | None = None, tokens: int | None = None, in_flight: int = 3) -> Self:
        """Return an NVIDIA GPU; needs the extra `[cuda]` in place of `[local]`.

        All cores tokenise for it unless told otherwise: a few could not keep it busy.
        """
        return cls("cuda", index, workers or max(in_flight, len(os.sched_getaffinity(0))), tokens, in_flight)

    def __str__(self) -> str:
        return "cpu" if self.kind == "cpu" else f"cuda:{self.index}"

    def budget(self, hidden: int, intermediate: int) -> int:
        """Return the tokens of one call for a model of these sizes."""
        if self.tokens is not None:
            return self.tokens
        if self.kind == "cuda":
            return CUDA_BUDGET
        # 384 tokens of MiniLM's 384 and 1,536 fill the cache as 192 of twice the size do.
        return max(96, min(512, CPU_BUDGET * (384 + 1536) // max(1, hidden + intermediate)))

    def providers(self) -> list[Provider]:
        """Return ONNX Runtime's execution providers with their options; what runs is never another device."""
        if self.kind == "cpu":
            return ["CPUExecutionProvider"]
        options: dict[str, Any] = {
            "device_id": self.index,
            "arena_extend_strategy": "kSameAsRequested",
            "cudnn_conv_algo_search": "HEURISTIC",
            "do_copy_in_default_stream": True,
        }
        return [("CUDAExecutionProvider", options), "CPUExecutionProvider"]

    def check(self, available: list[str]) -> None:
        """Look whether ONNX Runtime, as installed, has the device.

        Raises:
            ConfigurationError: it has not; the message lists what it has and says how to come by the rest.
        """
        if self.kind == "cpu" or "CUDAExecutionProvider" in available:
            return
        both = [name for name in ("onnxruntime", "onnxruntime-gpu") if _installed(name)]
        if len(both) == 2:
            how = "onnxruntime and onnxruntime-gpu overwrite one another; uninstall both, then install ratatoskr[cuda]"
        else:
            how = "pip uninstall onnxruntime, then pip install 'ratatoskr[cuda]'; never both packages"
        raise ConfigurationError(f"{self} needs CUDAExecutionProvider, and here are {', '.join(available)}: {how}")


def _installed(distribution: str) -> bool:
    from importlib import metadata

    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
