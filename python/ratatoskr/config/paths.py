"""Where `config.toml` is looked for; apart from what reads it, so that looking imports nothing large.

`$RATATOSKR_CONFIG`, `~/.config/ratatoskr/config.toml` (below `$XDG_CONFIG_HOME` if that is set),
`~/.ratatoskr/config.toml` and `/etc/ratatoskr/config.toml`; the first that exists is read alone.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["config_paths", "find_config"]


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
