"""How a job ends and continues: kills, errors, full disks and cancellation; and bounded memory."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.jobs import EmbedJob, Progress, run
from unit.jobs.fake import MODEL, FakeGateway
from unit.jobs.files import OUTS, names_in, write
from unit.jobs.small_jobs import digest, digest_of_full_run, interrupt_job, job


@pytest.mark.parametrize("out", OUTS)
async def test_a_job_that_failed_continues_from_its_last_complete_part(source: Path, out: str) -> None:
    await interrupt_job(job(source, f"out.{out}"))
    assert not (source.parent / f"out.{out}").exists()
    gateway = FakeGateway()
    summary = await run(job(source, f"out.{out}"), gateway)
    assert 8 <= summary.resumed / 50 <= 10
    assert len(gateway.calls) == 20 - summary.resumed / 50, "nothing is computed twice"
    assert (summary.rows, summary.tokens) == (1000, 4000)
    assert digest(source.parent / f"out.{out}") == await digest_of_full_run(source, out)
    assert not (source.parent / f"out.{out}.job").exists()


def parts_after_kill(source: Path, out: Path, moment: float, pause: float = 0.005) -> int | None:
    """Run the job in a process and kill that after some seconds; return its complete parts, `None` if it had ended.

    Each window takes `pause` seconds.
    """
    command = [sys.executable, "-m", "unit.jobs.fake", str(source), str(out), "50", str(pause)]
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, stderr=subprocess.PIPE)
    try:
        _, errors = process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        checkpoint = out.with_name(f"{out.name}.job") / "checkpoint.json"
        if checkpoint.exists():
            return int(json.loads(checkpoint.read_bytes())["parts"])
        return None if out.exists() else 0
    assert process.returncode == 0, errors.decode()
    return None


@pytest.mark.parametrize("out", OUTS)
async def test_a_job_that_was_killed_again_and_again_gives_the_same_bytes(source: Path, out: str) -> None:
    target = source.parent / f"out.{out}"
    left = [parts_after_kill(source, target, moment, pause=0.5) for moment in (0.35, 1.5, 2.0)]  # of 10 s without kills
    assert None not in left
    await run(job(source, target.name), FakeGateway())
    assert digest(target) == await digest_of_full_run(source, out)
    assert names_in(source.parent) == {source.name, target.name, f"full.{out}"}


@pytest.mark.slow
@pytest.mark.timeout(0)
async def test_a_job_that_is_killed_at_fifty_random_moments_gives_the_same_bytes(tmp_path: Path) -> None:
    rng = random.Random(50)
    source = write(tmp_path / "in", "jsonl", [{"id": n, "text": f"text {n % 3000} of many"} for n in range(6000)])
    expected = {out: await digest_of_full_run(source, out) for out in OUTS}
    kills: list[int] = []
    for name in range(50):
        if len(kills) >= 50:
            break
        target = tmp_path / f"{name}.{OUTS[name % 3]}"
        while (parts := parts_after_kill(source, target, rng.uniform(0.3, 2.0))) is not None:
            kills.append(parts)
        assert digest(target) == expected[OUTS[name % 3]]
        assert not target.with_name(f"{target.name}.job").exists()
    assert len(kills) >= 50
    print(f"\n{len(kills)} kills of {name} jobs of 120 parts; complete parts at each: {kills}")


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("step", ["replace", "remove"])
async def test_a_job_killed_around_the_last_rename_is_completed_by_the_next_run(
    source: Path, out: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moments just before and just after the output gets its name, which chance seldom hits."""
    from ratatoskr.jobs.checkpoint import JobDirectory

    class Killed(BaseException):
        pass

    def killed_here(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if step == "remove":
            patch.setattr(JobDirectory, "remove", killed_here)
        else:
            patch.setattr("ratatoskr.jobs.runner.sync_folder", killed_here)
        with pytest.raises(Killed):
            await run(job(source, f"out.{out}"), FakeGateway())
    gateway = FakeGateway()
    summary = await run(job(source, f"out.{out}"), gateway)
    assert (gateway.calls, summary.rows, summary.resumed, summary.dimensions) == ([], 1000, 1000, 8)
    assert digest(source.parent / f"out.{out}") == await digest_of_full_run(source, out)
    assert not (source.parent / f"out.{out}.job").exists()


async def test_a_cancelled_job_releases_everything_and_can_be_continued(source: Path) -> None:
    seen = asyncio.Event()

    def watch(progress: Progress) -> None:
        if progress.rows >= 200 and progress.phase == "embed":
            seen.set()

    task = asyncio.create_task(run(job(source, "out.npy"), FakeGateway(0.002), progress=watch))
    await seen.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    summary = await run(job(source, "out.npy"), FakeGateway())
    assert summary.resumed >= 200
    assert digest(source.parent / "out.npy") == await digest_of_full_run(source, "npy")


async def test_an_input_that_changes_under_a_job_gives_no_output(source: Path) -> None:
    class ChangingSource(FakeGateway):
        async def embed_batch(self, texts: Any, model: str, **options: Any) -> Any:
            os.utime(source, ns=(1, 1))
            return await super().embed_batch(texts, model, **options)

    with pytest.raises(InvalidInput, match="changed while it was read"):
        await run(job(source, "out.npy"), ChangingSource())
    assert not (source.parent / "out.npy").exists()


async def test_an_existing_output_is_replaced_only_on_request_and_only_when_the_new_one_is_complete(
    source: Path,
) -> None:
    out = source.parent / "out.npy"
    out.write_text("mine")
    with pytest.raises(ConfigurationError, match="exists; overwrite=True replaces it"):
        await run(job(source, "out.npy"), FakeGateway())
    await interrupt_job(job(source, "out.npy", overwrite=True))
    assert out.read_text() == "mine"
    await run(job(source, "out.npy", overwrite=True), FakeGateway())
    assert digest(out) == await digest_of_full_run(source, "npy")


async def test_a_file_cannot_be_its_own_output(source: Path) -> None:
    with pytest.raises(InvalidInput, match="its own output"):
        await run(job(source, source.name, overwrite=True), FakeGateway())


async def test_a_pipe_or_device_in_place_of_the_output_is_never_replaced(source: Path) -> None:
    out = source.parent / "out.npy"
    os.mkfifo(out)
    gateway = FakeGateway()
    with pytest.raises(ConfigurationError, match="is a device or a pipe") as told:
        await run(job(source, out.name, overwrite=True), gateway)
    assert (told.value.field, gateway.calls, out.is_fifo()) == ("out", [], True)
    assert not (source.parent / "out.npy.job").exists()


async def test_a_folder_in_place_of_the_output_is_refused_before_anything_is_computed(source: Path) -> None:
    (source.parent / "out.npy").mkdir()
    gateway = FakeGateway()
    with pytest.raises(ConfigurationError, match="is a folder"):
        await run(job(source, "out.npy", overwrite=True), gateway)
    assert gateway.calls == []


@pytest.mark.parametrize("out", OUTS)
async def test_a_full_disk_is_an_error_and_finished_work_is_kept(source: Path, out: str) -> None:
    """A limit on the size of files simulates it: writing fails in the middle of a part, with such an error."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    gateway = FakeGateway()

    def watch(progress: Progress) -> None:
        if progress.rows >= 100 and progress.phase == "embed":
            resource.setrlimit(resource.RLIMIT_FSIZE, (1200, limit[1]))

    try:
        with pytest.raises(ConfigurationError, match="no space left for"):
            await run(job(source, f"out.{out}"), gateway, progress=watch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    summary = await run(job(source, f"out.{out}"), FakeGateway())
    assert summary.resumed >= 100
    assert digest(source.parent / f"out.{out}") == await digest_of_full_run(source, out)


async def test_a_disk_that_is_too_small_is_reported_after_the_first_window(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10_000))
    gateway = FakeGateway(0.01)
    with pytest.raises(ConfigurationError, match=r"needs \d+ bytes, and 10000 are free"):
        await run(job(source, "out.npy"), gateway)
    assert len(gateway.calls) <= 4


WINDOW, DIMENSIONS = 64, 256


KINDS = ("jsonl", "csv", "parquet", "arrow")


class Forgetful(FakeGateway):
    """Keeps no record of its calls."""

    async def embed_batch(self, *arguments: object, **options: object) -> object:
        try:
            return await super().embed_batch(*arguments, **options)  # type: ignore[arg-type]  # passed on as they came
        finally:
            self.calls.clear()


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def peak(folder: Path, kind: str, out: str, windows: int) -> int:
    """Return the most that a job of so many windows handler at a time, of Python's memory and pyarrow's."""
    rows = [{"id": place, "text": f"{place} " * 300} for place in range(windows * WINDOW)]
    source = write(folder / f"in{windows}", kind, rows)
    del rows
    gc.collect()
    tracemalloc.reset_peak()
    before, arrows = tracemalloc.get_traced_memory()[0], pa.total_allocated_bytes()
    most = 0

    def watch(_: object) -> None:
        nonlocal most
        most = max(most, pa.total_allocated_bytes() - arrows)

    job = EmbedJob(source, folder / f"out{windows}.{out}", MODEL, window=WINDOW)
    asyncio.run(run(job, Forgetful(dimensions=DIMENSIONS), progress=watch))
    return tracemalloc.get_traced_memory()[1] - before + most


@pytest.mark.parametrize(("kind", "out"), [(kind, OUTS[place % 3]) for place, kind in enumerate(KINDS)])
@pytest.mark.usefixtures("traced")
def test_a_job_of_a_hundred_windows_holds_no_more_than_one_of_ten(
    tmp_path: Path, kind: str, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ratatoskr.jobs.sink._GROUP_ROWS", 4 * WINDOW)
    peak(tmp_path, kind, out, 5)  # imports and the like
    few, many = peak(tmp_path, kind, out, 10), peak(tmp_path, kind, out, 100)
    assert many < 1.5 * few + 500_000, f"{few} bytes for ten windows, {many} for a hundred"
