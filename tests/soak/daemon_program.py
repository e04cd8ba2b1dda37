"""A daemon as a program: prints its port, and its resources for each line on its standard input.

python daemon_program.py CONFIG
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from pathlib import Path
from typing import Any

import uvloop
from tests.soak.measure import measure_resources, memory

from ratatoskr.service.daemon.call_log import CallLog
from ratatoskr.service.daemon.daemon import Daemon
from ratatoskr.service.daemon.setup import Setup, load_setup


async def main(path: Path) -> None:
    """Serve until the standard input ends."""

    def load(listeners: Any = ()) -> Setup:
        return load_setup(path, listeners=listeners)

    daemon = Daemon(load(), load, log=CallLog("json", "error"))
    await daemon.start()
    gc.set_threshold(50_000)  # as `ratd` does
    gc.freeze()
    print(daemon.doors[0].port, flush=True)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while await lines.readline():
        now = measure_resources()
        found = {
            "rss": memory(),
            "descriptors": now.descriptors,
            "threads": now.threads,
            "tasks": len(asyncio.all_tasks()),
            "calls": len(daemon.calls()),
        }
        print(json.dumps(found), flush=True)
    daemon.stop(1.0)
    await daemon.ended.wait()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
