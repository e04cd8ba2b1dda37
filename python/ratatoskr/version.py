"""The version, read from the installed package's metadata."""

from importlib.metadata import version

VERSION = __version__ = version("ratatoskr")
