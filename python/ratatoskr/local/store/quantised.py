"""Ready-made graphs with integers in place of floats: their names, and which of them suits a processor."""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["QUANTISED", "find_quantised"]

QUANTISED: Final = (
    "model_qint8_avx512_vnni.onnx",
    "model_qint8_avx512.onnx",
    "model_quint8_avx2.onnx",
    "model_quantized.onnx",
    "model_int8.onnx",
    "model_qint8_arm64.onnx",
)
"""Names of graphs with integers in place of floats, as sentence-transformers and Optimum write them; all of them run on
every processor, at different speeds."""
_NEEDED: Final = (("avx512_vnni", "avx512_vnni"), ("avx512", "avx512f"), ("avx2", "avx2"))
"""The part of a name and the flag of a processor for which the graph was made."""


def find_quantised(folder: Path, exists: Callable[[Path], bool]) -> Path | None:
    """Return the quantised graph that suits this processor best: those made for other processors come last."""
    flags: set[str] = set()
    with suppress(OSError):
        line = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")), "")
        flags = {*line.partition(":")[2].split()}
    is_arm = platform.machine().lower() in {"arm64", "aarch64"}

    def suits(name: str) -> bool:
        if "arm64" in name:
            return is_arm
        return next((flag in flags for part, flag in _NEEDED if part in name), True)

    names = sorted(QUANTISED, key=lambda name: not suits(name))
    return next((folder / name for name in names if exists(folder / name)), None)
