"""Generate the messages of the service from proto/; run by `make proto`, in an environment of its own.

The generator is the oldest one whose code the newest protobuf runs: code of a newer one refuses older runtimes.
"""

from __future__ import annotations

import argparse
import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = "ratatoskr/v1/ratatoskr.proto"
TARGET = ROOT / "python/ratatoskr/service/pb"
NAMES = ("ratatoskr_pb2.py", "ratatoskr_pb2.pyi")


def generate(out: Path) -> None:
    """Write both files below `out`."""
    outputs = [f"--python_out={out}", f"--pyi_out={out}"]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", ROOT / "proto", *outputs, SOURCE]
    subprocess.run(command, check=True)  # noqa: S603  # of constants


def main() -> int:
    """Replace the committed files, or compare them with generated ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 where a file differs")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        made = (Path(folder) / SOURCE).parent
        differ = [name for name in NAMES if not filecmp.cmp(made / name, TARGET / name, shallow=False)]
        if not check:
            for name in differ:
                (TARGET / name).write_bytes((made / name).read_bytes())
    for name in differ:
        sys.stderr.write(f"{name} {'is not what proto/ gives: run `make proto`' if check else 'is new'}\n")
    return 1 if check and differ else 0


if __name__ == "__main__":
    raise SystemExit(main())
