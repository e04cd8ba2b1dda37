"""ONNX Runtime, imported on first use."""

from __future__ import annotations

import os
from typing import Any

from ratatoskr._extras import require_extra

__all__ = ["import_runtime"]


def import_runtime(device: str = "cpu") -> Any:
    """Import and return ONNX Runtime with its telemetry off.

    Its builds report their use to mobile.events.data.microsoft.com (seen with 1.32.0 on Linux); only this variable, set
    before the import, prevents it. It is set for the whole process unless the user has set it.

    Raises:
        ConfigurationError: it is not installed; the message names the extra for the device.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    return require_extra("onnxruntime", "cuda" if device == "cuda" else "local")
