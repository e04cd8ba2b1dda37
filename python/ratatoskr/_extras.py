"""Optional dependencies: imported on first use; the error for a missing one names the extra that installs it."""

from __future__ import annotations

import importlib
from typing import Any

from ratatoskr.errors import ConfigurationError

__all__ = ["require_extra"]


def require_extra(module: str, extra: str = "local", *, why: str = "local models") -> Any:
    """Import and return a module of an optional dependency.

    Raises:
        ConfigurationError: it is not installed; the message names the extra that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigurationError(
            f"{why} need {module.partition('.')[0]}: pip install 'ratatoskr[{extra}]' ({error})"
        ) from None
