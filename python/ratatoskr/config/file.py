"""`config.toml`: the settings of `rat`, and of gateways made by `Ratatoskr.from_config`.

It holds no keys: these are in the secrets file. But it says where keys are sent, so a file that others can change is
refused.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from ratatoskr._files import check_folder
from ratatoskr.errors import ConfigurationError
from ratatoskr.types.frames import hide_arguments
from ratatoskr.types.toml import MAX_PARTS, has_long_name
from ratatoskr.types.visible import escape_hidden

if TYPE_CHECKING:
    from ratatoskr.config.sections import ConfigFile

__all__ = ["parse_config", "read_config", "read_text"]

_MAX_PROBLEMS: Final = 10
"""The most wrong settings that a message names."""
MAX_BYTES: Final = 1024 * 1024


@hide_arguments
def read_config(path: Path) -> ConfigFile:
    """Return the settings in a file.

    Raises:
        ConfigurationError: the file cannot be read, others can change it, it is not TOML, or has wrong settings; the
            message names the file, the line and the key of each.
    """
    return parse_config(read_text(path), path)


@hide_arguments
def parse_config(text: str, path: Path) -> ConfigFile:
    """Return the settings in a text, which is or will be that of a file.

    Raises:
        ConfigurationError: as `read_config` does.
    """
    if has_long_name(text):
        raise ConfigurationError(f"{path} has a name of more than {MAX_PARTS} parts with dots in between")
    try:
        document = tomllib.loads(text)
    except ValueError as error:  # not TOML, or a number with more digits than Python reads
        raise ConfigurationError(f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise ConfigurationError(f"{path} is nested too deeply") from None
    from ratatoskr.config.sections import ConfigFile  # after all that needs no types
    from ratatoskr.config.tables import read_table

    config, problems = read_table(ConfigFile, document)
    if problems:
        raise ConfigurationError("\n".join(_lines_of(problems, text, path)))
    return cast("ConfigFile", config)


def read_text(path: Path) -> str:
    """Return the text of a file of settings.

    Raises:
        ConfigurationError: it cannot be read, others can change it, it is too large or not UTF-8.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    try:
        _check_owner(path, os.fstat(descriptor))
        data = os.read(descriptor, MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise ConfigurationError(f"{path} is larger than {MAX_BYTES >> 20} MiB")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{path}:{line}: is not UTF-8") from None


def _check_owner(path: Path, status: os.stat_result) -> None:
    """Raise `ConfigurationError` for a file that other users can change: its addresses are where keys are sent."""
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"{path} is not a regular file")
    if status.st_uid not in (os.geteuid(), 0):
        raise ConfigurationError(f"{path} belongs to another user; `chown` it to the user who runs this")
    if status.st_mode & 0o022:
        mode = stat.S_IMODE(status.st_mode)
        raise ConfigurationError(f"{path} has mode {mode:04o}, so other users can change it; run `chmod go-w` on it")
    for folder in dict.fromkeys((path.parent, path.resolve().parent)):  # the file may be a link
        check_folder(folder)


def _lines_of(problems: Mapping[tuple[str, ...], str], text: str, path: Path) -> Iterator[str]:
    """Yield a line for each wrong setting, in the order of the file."""
    from ratatoskr.config.toml_text import find_lines

    by_line = sorted((line or 0, place) for line, place in zip(find_lines(text, [*problems]), problems, strict=True))
    told: set[str] = set()
    for line, place in by_line[:_MAX_PROBLEMS]:
        problem = problems[place]
        short = problem.partition("; known are ")[0] if problem in told else problem  # the known names once
        told.add(problem)
        yield f"{path}:{line or 1}: {escape_hidden('.'.join(place), 200)} {short}"
    if len(by_line) > _MAX_PROBLEMS:
        yield f"{path}: and {len(by_line) - _MAX_PROBLEMS} more"
