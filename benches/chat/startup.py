"""CPU from process start to the first byte of a request: Ratatoskr, litellm and the openai SDK.

Each program runs in a new process and sends one chat to an upstream on loopback; its CPU time is read from
`/proc/PID/stat` when the first byte arrives. Rounds are interleaved and medians are compared. The import alone is
measured as well.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
from pathlib import Path

ROUNDS = 9
BENCHES = Path(__file__).resolve().parents[1]
PEERS = BENCHES / ".venv-peers" / "bin" / "python"
LITELLM = BENCHES / ".venv-litellm" / "bin" / "python"
TARGET = 15
"""The least ratio of litellm to Ratatoskr."""

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
    """Return the CPU time of a running process in milliseconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def cpu_to_first_byte(python: Path, program: str) -> float:
    """Return the CPU time of a program in milliseconds when its first byte arrives."""
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


def cpu_of_run(python: Path, program: str) -> float:
    """Return the CPU time of a program from start to end in milliseconds."""
    child = subprocess.Popen([python, "-c", program], env=QUIET)
    _, _, used = os.wait4(child.pid, 0)
    child.returncode = 0
    return (used.ru_utime + used.ru_stime) * 1000


def main() -> int:
    """Measure and print a table; return 1 if the target is missed."""
    asked: dict[str, list[float]] = {name: [] for name in ASK}
    imported: dict[str, list[float]] = {name: [] for name in IMPORT}
    for _ in range(ROUNDS):
        for name, (python, program) in ASK.items():
            asked[name].append(cpu_to_first_byte(python, program))
        for name, (python, program) in IMPORT.items():
            imported[name].append(cpu_of_run(python, program))
    ours = statistics.median(asked["ratatoskr"])
    print("CPU from process start to the first byte of the request, ms, median of", ROUNDS)
    for name, taken in asked.items():
        middle = statistics.median(taken)
        print(f"  {name:<12}{middle:>8.0f}{middle / ours:>8.1f} x")
    print("CPU of a process that only imports, ms")
    for name, taken in imported.items():
        print(f"  {name:<12}{statistics.median(taken):>8.1f}")
    return 0 if statistics.median(asked["litellm"]) / ours >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
