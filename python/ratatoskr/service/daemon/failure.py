"""Why the daemon cannot start."""

from __future__ import annotations

__all__ = ["StartFailed"]


class StartFailed(Exception):
    """Something else is where the daemon would be: another daemon, another program, a file."""
