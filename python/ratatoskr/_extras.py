"""Optional dependencies: imported on first use; the error for a missing one names the extra that installs it."""

from __future__ import annotations

import importlib
from typing import Any

from ratatoskr.errors import ConfigurationError

__all__ = ["DISTRIBUTION", "install_command", "require_extra"]

DISTRIBUTION = "ratatoskr-llm"
"""The package's name where packages are installed from; `ratatoskr` there is an unrelated project."""

_PACKAGES = {"grpc": "grpcio", "grpc.aio": "grpcio", "google.protobuf": "protobuf"}
"""Packages that are not called like their modules."""


def install_command(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def require_extra(module: str, extra: str = "local", *, why: str = "local models") -> Any:
    """Import and return a module of an optional dependency.

    Raises:
        ConfigurationError: it is not installed; the message names the extra that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = _PACKAGES.get(module, module.partition(".")[0])
        raise ConfigurationError(f"{why} need {package}: {install_command(extra)} ({error})") from None
