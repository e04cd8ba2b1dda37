"""CPU from the start of a process to the first byte of a request on the wire: ours beside litellm and the openai SDK.

Each program is started anew, asks one chat of an upstream on loopback, and is read off (`/proc/PID/stat`) in the moment
in which its first byte arrives. Rounds are interleaved and the median counts. The bare import is measured likewise.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
from pathlib import Path

ROUNDS = 9
HERE = Path(__file__).resolve().parents[1]
PEERS = HERE / ".venv-peers" / "bin" / "python"
LITELLM = HERE / ".venv-litellm" / "bin" / "python"
TARGET = 15
"""So many times less than litellm."""

OURS = """
from ratatoskr import Ratatoskr
Ratatoskr.builder().openai("sk-x", base_url=URL).retries(0).build().sync().chat("Hi", "gpt-4.1")
"""
OPENAI = """
import openai
client = openai.OpenAI(api_key="sk-x", base_url=URL, max_retries=0)
client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": "Hi"}])
"""
LITELLMS = """
import litellm
messages = [{"role": "user", "content": "Hi"}]
litellm.completion(model="openai/gpt-4.1", messages=messages, api_key="sk-x", api_base=URL, num_retries=0)
"""
ASK = {"ratatoskr": (PEERS, OURS), "openai": (PEERS, OPENAI), "litellm": (LITELLM, LITELLMS)}
IMPORT = {"nothing": (PEERS, "pass"), "ratatoskr": (PEERS, "import ratatoskr"), "openai": (PEERS, "import openai")}
TICK = 1000 / os.sysconf("SC_CLK_TCK")
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}


def cpu_ms(pid: int) -> float:
    """Return the milliseconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def first_byte(python: Path, program: str) -> float:
    """Return the CPU that a program has used when its first byte arrives."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"URL = 'http://127.0.0.1:{server.getsockname()[1]}/v1'\n"
        child = subprocess.Popen([python, "-c", url + program], env=QUIET, stderr=subprocess.DEVNULL)
        server.settimeout(60)
        connection, _ = server.accept()
        connection.recv(1)
        used = cpu_ms(child.pid)
        child.kill()
        child.wait()
        connection.close()
        return used


def whole(python: Path, program: str) -> float:
    """Return the CPU of a whole run of a program."""
    child = subprocess.Popen([python, "-c", program], env=QUIET)
    _, _, used = os.wait4(child.pid, 0)
    child.returncode = 0
    return (used.ru_utime + used.ru_stime) * 1000


def main() -> int:
    """Measure, print a table, and tell whether the target is met."""
    asked: dict[str, list[float]] = {name: [] for name in ASK}
    imported: dict[str, list[float]] = {name: [] for name in IMPORT}
    for _ in range(ROUNDS):
        for name, (python, program) in ASK.items():
            asked[name].append(first_byte(python, program))
        for name, (python, program) in IMPORT.items():
            imported[name].append(whole(python, program))
    ours = statistics.median(asked["ratatoskr"])
    print("CPU from process start to the first byte on the wire, ms, median of", ROUNDS)
    for name, taken in asked.items():
        middle = statistics.median(taken)
        print(f"  {name:<12}{middle:>8.0f}{middle / ours:>8.1f} x")
    print("CPU of a process that imports and ends, ms")
    for name, taken in imported.items():
        print(f"  {name:<12}{statistics.median(taken):>8.1f}")
    return 0 if statistics.median(asked["litellm"]) / ours >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
