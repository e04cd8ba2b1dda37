"""Check a wheel as its user would, in a fresh environment with no compiler: `python tests/check_wheel.py WHEEL`.

The versions of its dependencies are those that the tests run with.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from importlib.metadata import distributions
from pathlib import Path

STRAY = re.compile(r"\.pth$|^(tests|benches|rust)/|__pycache__")
NEEDED = ("ratatoskr/py.typed", "ratatoskr/_core.pyi", "ratatoskr/_core.abi3.so")
METADATA = ("METADATA", "licenses/LICENSE", "licenses/THIRD-PARTY-LICENSES.md", "sboms/ratatoskr-llm.cdx.json")
CHAT = """
import asyncio
from ratatoskr import Ratatoskr
from ratatoskr.testing import ScriptedTurn, ScriptedUpstream

async def main():
    async with ScriptedUpstream(ScriptedTurn("up and down the ash")) as upstream:
        builder = Ratatoskr.builder().openai("key", base_url=upstream.base_url("openai"))
        async with builder.build() as gateway:
            print((await gateway.chat("Where?", "gpt-4.1")).content)

asyncio.run(main())
"""


def contents(wheel: Path) -> list[str]:
    """Return what is wrong with the files of a wheel."""
    names = zipfile.ZipFile(wheel).namelist()
    wrong = [f"{name} does not belong into it" for name in names if STRAY.search(name)]
    wrong += [f"{name} is missing" for name in NEEDED if name not in names]
    folder = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
    wrong += [f"{folder}/{name} is missing" for name in METADATA if f"{folder}/{name}" not in names]
    return wrong if "-cp311-abi3-" in wheel.name else [*wrong, f"{wheel.name} is no abi3 wheel"]


def install(wheel: Path, at: Path) -> None:
    """Make an environment and put the wheel with its dependencies into it."""
    venv.create(at, with_pip=True)
    constraints = at / "constraints.txt"
    constraints.write_text(
        "".join(f"{d.name}=={d.version}\n" for d in distributions() if not d.name.startswith("ratatoskr"))
    )
    pip = [str(at / "bin" / "python"), "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    subprocess.run([*pip, "--constraint", str(constraints), str(wheel)], check=True)


def said(at: Path, *command: str) -> str:
    """Run a command of the environment where nothing else can be found, and return what it printed."""
    nothing = {"PATH": str(at / "bin"), "HOME": str(at), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=at, env=nothing, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode or done.stderr:
        sys.exit(f"{command[:2]} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def main() -> None:
    """Check one wheel; exits with 1 and the reason where something is wrong."""
    wheel = Path(sys.argv[1]).resolve()
    if wrong := contents(wheel):
        sys.exit("\n".join(wrong))
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        install(wheel, at)
        python = str(at / "bin" / "python")
        where = said(at, python, "-c", "import ratatoskr; print(ratatoskr.__file__)")
        if not where.startswith(os.path.realpath(folder)) and not where.startswith(folder):
            sys.exit(f"another ratatoskr was imported: {where}")
        if "Usage: rat" not in said(at, str(at / "bin" / "rat"), "--help"):
            sys.exit("rat --help says nothing")
        if (answer := said(at, python, "-c", CHAT).strip()) != "up and down the ash":
            sys.exit(f"the chat answered {answer!r}")
    print(f"{wheel.name}: installed without Rust, imported, `rat --help` and a chat work")


if __name__ == "__main__":
    main()
