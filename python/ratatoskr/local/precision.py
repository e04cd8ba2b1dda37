"""The precisions of local models, and which of them a processor has."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.types.visible import quote

__all__ = ["Precision", "PrecisionChoice", "choose_precision", "has_bf16"]

Precision: TypeAlias = Literal["fp32", "int8", "bf16"]
PrecisionChoice: TypeAlias = Literal["fp32", "int8", "bf16", "auto"]
"""A precision, or `auto` for the fastest one that is as good as fp32."""

_CPUINFO: Final = Path("/proc/cpuinfo")
_BF16_FLAGS: Final = frozenset({"amx_bf16", "avx512_bf16"})
_FAST_FLAG: Final = "amx_bf16"
"""With AMX, bf16 was 2 to 3 times as fast as fp32; with AVX512_BF16 alone 0.6 to 0.7 times (Intel Xeon, 2 cores,
OpenVINO 2026.4.1, MiniLM, 28 November 2026)."""


def read_flags(cpuinfo: Path = _CPUINFO) -> frozenset[str]:
    """Return the features of the first CPU as Linux names them; none where they cannot be read."""
    try:
        lines = cpuinfo.read_text("ascii", "replace").splitlines()
    except OSError:
        return frozenset()
    found = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(found.partition(":")[2].split())


def has_bf16(flags: frozenset[str]) -> bool:
    """Return whether a processor with these features computes in bfloat16."""
    return bool(flags & _BF16_FLAGS)


def choose_precision(given: object, device: str = "cpu", *, cpuinfo: Path = _CPUINFO) -> Precision:
    """Return the precision that a model is computed in.

    Args:
        given: `fp32`, `int8`, `bf16` or `auto`.
        device: the kind of the device.
        cpuinfo: where the processor's features are read.

    Raises:
        InvalidInput: it is none of these.
        ConfigurationError: this processor does not have it, or the extra is not installed.
    """
    if not isinstance(given, str) or given not in get_args(PrecisionChoice):
        text = f"precision must be fp32, int8, bf16 or auto, not {quote(given)}"
        raise InvalidInput(text, field="precision")
    if given == "auto":
        fast = device == "cpu" and _FAST_FLAG in read_flags(cpuinfo) and find_spec("openvino") is not None
        return "bf16" if fast else "fp32"
    if given != "fp32" and device != "cpu":
        raise ConfigurationError(f"{given} runs on the CPU alone", field="precision")
    if given == "bf16" and not has_bf16(read_flags(cpuinfo)):
        text = "this processor does not have bf16 (amx_bf16 or avx512_bf16 in /proc/cpuinfo); use fp32 or int8"
        raise ConfigurationError(text, field="precision")
    if given == "bf16" and find_spec("openvino") is None:
        from ratatoskr.local.engine.openvino import import_openvino

        import_openvino()  # raises the error that names the extra
    return given  # type: ignore[return-value]  # it is one of the names
