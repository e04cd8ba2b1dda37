"""The examples of configuration and of units: every key exists, every default is the one in force."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ratatoskr.config.file import parse_config
from ratatoskr.config.section import Section
from ratatoskr.config.sections import ConfigFile
from ratatoskr.config.server import (
    ClientSection,
    LimitsSection,
    ListenerSection,
    ServerSection,
    TlsSection,
)
from source_tree import ROOT

CONTRIB = ROOT / "contrib"
EXAMPLE = (CONTRIB / "config.example.toml").read_text()
TABLES: dict[str, type[Section]] = {
    "server": ServerSection,
    "server.limits": LimitsSection,
    "listeners": ListenerSection,
    "tls": TlsSection,
    "clients.example": ClientSection,
}
"""The tables of the daemon, each of whose keys is to be in the example."""


def with_lines(mark: str) -> str:
    """Return the example with the lines of a mark in force."""
    text = re.sub(rf"^{mark} ([a-z_0-9]+ = |\[clients)", r"\1", EXAMPLE, flags=re.MULTILINE)
    lines = [line for line in text.split("\n") if not line.startswith("# [[")]
    return "\n".join(lines)


def parse(text: str) -> ConfigFile:
    return parse_config(text, Path("config.example.toml"))


def keys(table: str, text: str) -> set[str]:
    """Return the keys that a table of the example has, in force or not."""
    start = re.search(rf"^(?:## )?\[+{re.escape(table)}\]+$", text, re.MULTILINE)
    assert start is not None, table
    body = re.split(r"^(?:##? )?\[", text[start.end() :], maxsplit=1, flags=re.MULTILINE)[0]
    return set(re.findall(r"^(?:##? )?([a-z_0-9]+) =", body, re.MULTILINE))


def test_the_example_is_right_as_it_is() -> None:
    config = parse(EXAMPLE)
    assert config.server == ServerSection()
    assert config.listeners == [ListenerSection()]


def test_every_default_is_the_one_in_force() -> None:
    text = with_lines("#").replace('name = "socket"\n', "").replace('address = "unix:/run/ratatoskr/ratd.sock"\n', "")
    text = text.replace('group = "ratatoskr"\n', "")
    given = parse(text)
    assert given == parse(EXAMPLE), "a default differs"
    server = tomllib.loads(text)["server"]
    assert server.keys() == set(ServerSection.__struct_fields__)
    assert server["limits"].keys() == set(LimitsSection.__struct_fields__)


def test_every_example_can_be_used() -> None:
    config = parse(with_lines("##"))
    assert config.clients["example"].streams == 8
    assert config.tls.client_ca is not None


@pytest.mark.parametrize("table", TABLES)
def test_every_key_of_the_daemon_is_shown(table: str) -> None:
    known = set(TABLES[table].__struct_fields__) - ({"limits"} if table == "server" else set())
    shown = keys(table, EXAMPLE)
    assert shown | ({"group"} if table == "listeners" else set()) == known


# systemd


def unit_with(executable: str, folder: Path) -> Path:
    path = folder / "ratd.service"
    path.write_text((CONTRIB / "systemd" / "ratd.service").read_text().replace("/usr/bin/ratd", executable))
    return path


needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def analyze(*arguments: str) -> Any:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=50)


@needs_systemd
def test_the_unit_is_exposed_little(tmp_path: Path) -> None:
    path = unit_with("/bin/true", tmp_path)
    done = analyze("security", "--offline=true", "--threshold=15", str(path))
    assert done.returncode == 0, done.stdout[-300:]
    drop_in = (CONTRIB / "systemd" / "ratd.service.d" / "cuda.conf").read_text().partition("[Service]")[2]
    path.write_text(path.read_text().replace("\n[Install]", f"{drop_in}\n[Install]"))
    assert analyze("security", "--offline=true", "--threshold=15", str(path)).returncode == 0


@needs_systemd
def test_the_unit_is_right(tmp_path: Path) -> None:
    done = analyze("verify", str(unit_with("/bin/true", tmp_path)))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_unit_leaves_time_for_the_grace() -> None:
    text = (CONTRIB / "systemd" / "ratd.service").read_text()
    stop = re.search(r"^TimeoutStopSec=(\d+)s$", text, re.MULTILINE)
    assert stop is not None
    assert int(stop[1]) >= ServerSection().grace + 10
    assert "ProcSubset" not in re.sub(r"^#.*$", "", text, flags=re.MULTILINE), "it would hide /proc/cpuinfo"
    assert "Type=notify" in text
    assert "kill -HUP" in text


def test_the_files_of_the_system_name_one_group() -> None:
    assert "\ng ratatoskr -" in (CONTRIB / "systemd" / "sysusers.conf").read_text()
    assert tomllib.loads(EXAMPLE)["listeners"] == [{}]
