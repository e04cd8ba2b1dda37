"""Devices that models run on, and the settings of ONNX Runtime for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from ratatoskr._extras import install_command
from ratatoskr.errors import ConfigurationError
from ratatoskr.local.engine.machine import count_cpus

__all__ = ["Device"]

Provider = str | tuple[str, dict[str, Any]]

CPU_BUDGET: Final = 384
"""Tokens of one batch on a core: the activations of more would not fit its level 2 cache."""
CUDA_BUDGET: Final = 65536


@dataclass(frozen=True, slots=True)
class Device:
    """A device: `Device.cpu()` or `Device.cuda(0)`.

    Attributes:
        kind: `cpu` or `cuda`.
        index: number of the GPU.
        workers: threads that tokenise and compute; by default one for each CPU that the process may use.
        tokens: tokens of one batch, padding included; `None` chooses them from the device and the model's size.
        in_flight: large batches that are computed at the same time; `None` is one for each worker.
    """

    kind: Literal["cpu", "cuda"] = "cpu"
    index: int = 0
    workers: int = 0
    tokens: int | None = None
    in_flight: int | None = None

    @classmethod
    def cpu(cls, *, workers: int | None = None, tokens: int | None = None) -> Self:
        """Return the CPU; by default with one worker for each CPU that this process may use.

        The affinity of the process and the quota of its control groups, as of a container, are respected.
        """
        return cls("cpu", 0, workers or count_cpus(), tokens)

    @classmethod
    def cuda(cls, index: int = 0, *, workers: int | None = None, tokens: int | None = None, in_flight: int = 3) -> Self:
        """Return an NVIDIA GPU; needs the extra `[cuda]` in place of `[local]`.

        By default all CPUs tokenise for it: a few could not keep it busy.
        """
        return cls("cuda", index, workers or max(in_flight, count_cpus()), tokens, in_flight)

    def __str__(self) -> str:
        return "cpu" if self.kind == "cpu" else f"cuda:{self.index}"

    def budget(self, hidden: int, intermediate: int) -> int:
        """Return the tokens of one batch for a model of these sizes."""
        if self.tokens is not None:
            return self.tokens
        if self.kind == "cuda":
            return CUDA_BUDGET
        # A token's activations grow with the sizes: 384 tokens of MiniLM (384 and 1536) fill the cache.
        return max(96, min(512, CPU_BUDGET * (384 + 1536) // max(1, hidden + intermediate)))

    def providers(self) -> list[Provider]:
        """Return ONNX Runtime's execution providers with their options."""
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
        """Check that the installed ONNX Runtime has the device.

        Raises:
            ConfigurationError: it does not; the message lists the providers that it has and says what to install.
        """
        if self.kind == "cpu" or "CUDAExecutionProvider" in available:
            return
        if all(_is_installed(name) for name in ("onnxruntime", "onnxruntime-gpu")):
            how = "onnxruntime and onnxruntime-gpu overwrite one another; uninstall both, then "
            how += install_command("cuda")
        else:
            how = f"pip uninstall onnxruntime, then {install_command('cuda')}; never both packages"
        raise ConfigurationError(
            f"{self} needs CUDAExecutionProvider, and the installed onnxruntime has {', '.join(available)}: {how}"
        )


def _is_installed(distribution: str) -> bool:
    from importlib import metadata

    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
