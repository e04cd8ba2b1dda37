"""Name resolution: what a failure is called, and that a resolver which hangs holds up nobody else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from unit.transport.raw_server import RawServer

# Interposed before libc's own: the resolver itself is the system's, so only the system can be made to fail.
RESOLVER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>
typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    resolver *real = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
    if (name && !strcmp(name, "again.test")) return EAI_AGAIN;
    if (name && !strcmp(name, "none.test")) return EAI_NONAME;
    if (name && !strncmp(name, "hang", 4)) { sleep(60); return EAI_AGAIN; }
    if (name && !strcmp(name, "here.test")) name = "127.0.0.1";
    return real(name, service, hints, found);
}
"""

PROGRAM = """
import asyncio, json, sys
from ratatoskr.errors import ConnectionFailed, Timeout
from ratatoskr.transport.client import Deadlines, HttpRequest
from ratatoskr.transport.native import NativeTransport

async def outcome(transport, url, connect=30.0):
    try:
        return (await transport.send(HttpRequest(url, (), deadlines=Deadlines(connect=connect)))).status
    except ConnectionFailed as error:
        return [error.phase, error.sent, error.retryable, str(error)]
    except Timeout as error:
        return error.phase

async def main():
    transport = NativeTransport()

    def hang(connect):
        return [asyncio.create_task(outcome(transport, f"http://hang{i % 20}.test/", connect)) for i in range(100)]

    hanging = hang(30.0)
    await asyncio.sleep(0)
    told = {name: await outcome(transport, f"http://{name}.test:{sys.argv[1]}/") for name in ("again", "none", "here")}
    told["others-wait"] = not any(task.done() for task in hanging)
    for task in hanging:
        task.cancel()
    await asyncio.wait(hanging)
    told["hang"] = sorted(set(await asyncio.gather(*hang(0.5))))
    await transport.aclose()
    print(json.dumps(told))

asyncio.run(main())
"""


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs a C compiler to stand in for the resolver"
)
def test_a_name_that_is_unknown_differs_from_one_that_may_be_known_later_and_from_one_that_hangs(
    tmp_path: Path,
) -> None:
    source, library = tmp_path / "resolver.c", tmp_path / "resolver.so"
    source.write_text(RESOLVER)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    with RawServer() as server:
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(server.port)],
            env={**os.environ, "LD_PRELOAD": str(library)},
            capture_output=True,
            timeout=50,
            check=True,
        )
    told = json.loads(ended.stdout)
    assert told["again"][:3] == ["dns", False, True]
    assert told["none"][:3] == ["dns", False, False]
    assert told["none"][3].startswith(f"none.test:{server.port}: ")
    assert told["here"] == 200
    assert told["others-wait"]
    assert told["hang"] == ["connect"]
