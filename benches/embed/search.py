"""Exact search in a mapped file, compared with numpy on the same file: `make bench WHAT=search`.

What is compared takes turns in every round, and ratios are formed within a round, because machines are shared. Each
figure is the median of the rounds. With one thread, for each, seconds of CPU are measured, otherwise those of a clock.
`sum` is `numpy.sum` of the mapped file, which is the bandwidth that one thread gets;
`@` is the product with the queries alone, without any choice of the best.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ratatoskr.jobs import VectorFile

DIMENSIONS = 384
BLOCK = 50_000
PAUSE = 0.1
"""Seconds before each measurement, for the threads of OpenBLAS, which wait actively for their next product."""


def write_vectors(path: Path, rows: int) -> None:
    """Write normalised random vectors."""
    rng = np.random.default_rng(rows)
    out = np.lib.format.open_memmap(path, "w+", np.float32, (rows, DIMENSIONS))
    for first in range(0, rows, BLOCK):
        block = rng.standard_normal((min(BLOCK, rows - first), DIMENSIONS), dtype=np.float32)
        out[first : first + BLOCK] = block / np.linalg.norm(block, axis=1, keepdims=True)
    out.flush()


def measure_seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return the duration of a function call in seconds of a clock."""
    time.sleep(PAUSE)
    begun = clock()
    work()
    return clock() - begun


def processor() -> str:
    """Return the name of the processor, the number of CPUs, and the load of the machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    name = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    return f"{name}, {len(os.sched_getaffinity(0))} CPUs, load {os.getloadavg()[0]:.1f}"


def measure(path: Path, rounds: int, threads: int) -> None:
    """Print a row for each number of queries and of best rows."""
    vectors, file = np.load(path, mmap_mode="r"), VectorFile(path)
    queries = np.random.default_rng(1).standard_normal((8, DIMENSIONS), dtype=np.float32)
    clock = time.process_time if threads == 1 else time.perf_counter
    for count, top in ((count, top) for count in (1, 8) for top in (1, 10, 100)):
        few = queries[:count]
        columns = few[0] if count == 1 else few.T
        works: tuple[Callable[[], object], ...] = (
            partial(file.nearest, few, top, threads=threads),
            partial(np.sum, vectors),
            partial(np.matmul, vectors, columns),
        )
        taken = [[measure_seconds(work, clock) for work in works] for _ in range(rounds + 1)][1:]
        over_sum, over_product = (statistics.median(row[place] / row[0] for row in taken) for place in (1, 2))
        speed = vectors.nbytes / statistics.median(row[0] for row in taken) / 1e9
        print(
            f"| {len(vectors):,} | {threads} | {count} | {top} | {speed:.1f} | {over_sum:.2f} | {over_product:.2f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="where files of vectors are kept; by default a temporary folder")
    parser.add_argument("--threads", type=int, help="measure with so many alone, in this process")
    options = parser.parse_args()
    if options.threads is not None:
        for rows in options.rows:
            measure(options.folder / f"{rows}.npy", options.rounds, options.threads)
        return
    print(f"{processor()}; numpy {np.__version__}; {options.rounds} rounds\n")
    print("| rows | threads | queries | best | GB/s | bandwidth over sum | speed over @ |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="ratatoskr-bench-") as temporary:
        folder = options.folder or Path(temporary)
        for rows in options.rows:
            if not (folder / f"{rows}.npy").exists():
                write_vectors(folder / f"{rows}.npy", rows)
        for threads in {1, len(os.sched_getaffinity(0))}:
            command = [sys.executable, "-m", "embed.search", "--threads", str(threads), "--folder", str(folder)]
            command += ["--rounds", str(options.rounds), "--rows", *map(str, options.rows)]
            # numpy's product takes its number of threads from the environment when it is imported.
            subprocess.run(command, check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": str(threads)})


if __name__ == "__main__":
    main()
