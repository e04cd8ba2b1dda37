"""The version, read from the installed package's metadata."""

from importlib.metadata import version

from ratatoskr._extras import DISTRIBUTION

VERSION = __version__ = version(DISTRIBUTION)
