"""Where `config.toml` and `models.toml` are looked for; apart from what reads them, which imports more.

`$RATATOSKR_CONFIG`, `~/.config/ratatoskr/config.toml` (below `$XDG_CONFIG_HOME` if that is set),
`~/.ratatoskr/config.toml` and `/etc/ratatoskr/config.toml`; the first that exists is read alone.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["config_paths", "find_config", "find_models_file"]


def config_paths() -> tuple[Path, ...]:
    """Return the paths where the file is looked for, in order; none need exist."""
    if named := os.environ.get("RATATOSKR_CONFIG"):
        return (Path(named),)
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.expanduser raises without a home
    config = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(config) if Path(config).is_absolute() else home / ".config"
    return tuple(folder / "config.toml" for folder in (base / "ratatoskr", home / ".ratatoskr", Path("/etc/ratatoskr")))


def find_config() -> Path | None:
    """Return the path of the file that is in force; a file that `$RATATOSKR_CONFIG` names need not exist."""
    if os.environ.get("RATATOSKR_CONFIG"):
        return config_paths()[0]
    return next((path for path in config_paths() if os.path.lexists(path)), None)


def find_models_file() -> Path | None:
    """Return the path of the `models.toml` in force; one that `$RATATOSKR_MODELS` names need not exist."""
    if named := os.environ.get("RATATOSKR_MODELS"):
        return Path(named)
    paths = dict.fromkeys(path.with_name("models.toml") for path in config_paths())
    return next((path for path in paths if os.path.lexists(path)), None)
