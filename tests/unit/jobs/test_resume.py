"""What ends a job and how it goes on: kills, errors, full disks, cancelling, other jobs and other processes."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ratatoskr.errors import ConfigurationError, InvalidInput, ServiceUnavailable
from ratatoskr.jobs import EmbedJob, Progress, Summary, run
from unit.jobs.fake import MODEL, FakeGateway
from unit.jobs.files import OUTS, names_in, write

ROWS = [{"id": place, "text": f"text {place % 700} of many"} for place in range(1000)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "in", "jsonl", ROWS)


def job(source: Path, out: str, **options: Any) -> EmbedJob:
    return EmbedJob(source, source.parent / out, MODEL, **{"window": 50, **options})


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def undisturbed(source: Path, out: str) -> str:
    await run(job(source, f"undisturbed.{out}"), FakeGateway())
    return digest(source.parent / f"undisturbed.{out}")


class Failing(FakeGateway):
    """Fails at one window, for once."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    async def embed_batch(self, texts: Any, model: str, **options: Any) -> Any:
        if len(self.calls) == self.at:
            self.at = -1
            raise ServiceUnavailable("for the moment")
        return await super().embed_batch(texts, model, **options)


async def interrupted(a_job: EmbedJob, at: int = 10) -> None:
    with pytest.raises(ServiceUnavailable):
        await run(a_job, Failing(at))


# going on


@pytest.mark.parametrize("out", OUTS)
async def test_a_job_that_failed_goes_on_from_its_last_whole_part(source: Path, out: str) -> None:
    await interrupted(job(source, f"out.{out}"))
    assert not (source.parent / f"out.{out}").exists()
    gateway = FakeGateway()
    summary = await run(job(source, f"out.{out}"), gateway)
    assert 8 <= summary.resumed / 50 <= 10
    assert len(gateway.calls) == 20 - summary.resumed / 50, "nothing is computed twice"
    assert (summary.rows, summary.tokens) == (1000, 4000)
    assert digest(source.parent / f"out.{out}") == await undisturbed(source, out)
    assert not (source.parent / f"out.{out}.job").exists()


def parts_after_kill(source: Path, out: Path, moment: float, pause: float = 0.005) -> int | None:
    """Run the job in a process and kill that after some seconds; return its whole parts, `None` if it had ended.

    Each window takes `pause` seconds.
    """
    command = [sys.executable, "-m", "unit.jobs.fake", str(source), str(out), "50", str(pause)]
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, stderr=subprocess.PIPE)
    try:
        _, told = process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        checkpoint = out.with_name(f"{out.name}.job") / "checkpoint.json"
        if checkpoint.exists():
            return int(json.loads(checkpoint.read_bytes())["parts"])
        return None if out.exists() else 0
    assert process.returncode == 0, told.decode()
    return None


@pytest.mark.parametrize("out", OUTS)
async def test_a_job_that_was_killed_again_and_again_gives_the_same_bytes(source: Path, out: str) -> None:
    target = source.parent / f"out.{out}"
    left = [parts_after_kill(source, target, moment, pause=0.5) for moment in (0.35, 1.5, 2.0)]  # of 10 s, undisturbed
    assert None not in left
    await run(job(source, target.name), FakeGateway())
    assert digest(target) == await undisturbed(source, out)
    assert names_in(source.parent) == {source.name, target.name, f"undisturbed.{out}"}


@pytest.mark.slow
@pytest.mark.timeout(0)
async def test_a_job_that_is_killed_at_fifty_random_moments_gives_the_same_bytes(tmp_path: Path) -> None:
    rng = random.Random(50)
    source = write(tmp_path / "in", "jsonl", [{"id": n, "text": f"text {n % 3000} of many"} for n in range(6000)])
    wanted = {out: await undisturbed(source, out) for out in OUTS}
    kills: list[int] = []
    for name in range(50):
        if len(kills) >= 50:
            break
        target = tmp_path / f"{name}.{OUTS[name % 3]}"
        while (parts := parts_after_kill(source, target, rng.uniform(0.3, 2.0))) is not None:
            kills.append(parts)
        assert digest(target) == wanted[OUTS[name % 3]]
        assert not target.with_name(f"{target.name}.job").exists()
    assert len(kills) >= 50
    print(f"\n{len(kills)} kills of {name} jobs of 120 parts; whole parts at each: {kills}")


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("step", ["replace", "remove"])
async def test_a_process_that_ends_around_the_last_rename_leaves_what_the_next_one_ends(
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
    assert digest(source.parent / f"out.{out}") == await undisturbed(source, out)
    assert not (source.parent / f"out.{out}.job").exists()


async def test_a_cancelled_job_lets_go_of_everything_and_can_go_on(source: Path) -> None:
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
    assert digest(source.parent / "out.npy") == await undisturbed(source, "npy")


# what a run may go on with


CHANGES: dict[str, dict[str, Any]] = {
    "model_digest": {"model_digest": "another"},
    "input_type": {"input_type": "query"},
    "dimensions": {"dimensions": 8},
    "truncate": {"truncate": False},
    "on_null": {"on_null": "skip"},
    "window": {"window": 60},
    "precision": {"precision": "int8"},
    "column": {"column": "other"},
}


@pytest.mark.parametrize("field", CHANGES)
async def test_what_is_kept_of_another_job_is_refused_by_what_differs(tmp_path: Path, field: str) -> None:
    source = write(tmp_path / "in", "jsonl", [{**row, "other": "a"} for row in ROWS])
    await interrupted(job(source, "out.npy"))
    with pytest.raises(InvalidInput, match=rf"is of a job with another {field} .*; start over with fresh=True") as told:
        await run(job(source, "out.npy", **CHANGES[field]), FakeGateway())
    assert told.value.field == field
    gateway = FakeGateway()
    summary = await run(job(source, "out.npy", **CHANGES[field], fresh=True), gateway)
    assert (summary.resumed, sum(map(len, gateway.calls))) == (0, 1000)


async def test_what_is_kept_of_another_model_is_refused(source: Path) -> None:
    await interrupted(job(source, "out.npy"))
    other = EmbedJob(source, source.parent / "out.npy", "another", window=50)
    with pytest.raises(InvalidInput, match="another model \\('fake' there, 'another' here\\)"):
        await run(other, FakeGateway())


async def test_what_is_kept_of_an_input_that_has_changed_is_refused(source: Path) -> None:
    await interrupted(job(source, "out.npy"))
    with source.open("a") as file:
        file.write('{"id": 0, "text": "one more"}\n')
    with pytest.raises(InvalidInput, match="another source \\(the file has changed\\)"):
        await run(job(source, "out.npy"), FakeGateway())


async def test_an_input_that_changes_under_a_job_gives_no_output(source: Path) -> None:
    class Meddling(FakeGateway):
        async def embed_batch(self, texts: Any, model: str, **options: Any) -> Any:
            os.utime(source, ns=(1, 1))
            return await super().embed_batch(texts, model, **options)

    with pytest.raises(InvalidInput, match="changed while it was read"):
        await run(job(source, "out.npy"), Meddling())
    assert not (source.parent / "out.npy").exists()


@pytest.mark.parametrize("damage", ["part", "cut", "checkpoint", "shape"])
async def test_what_is_kept_and_damaged_is_refused(source: Path, damage: str) -> None:
    await interrupted(job(source, "out.npy"))
    kept = source.parent / "out.npy.job"
    if damage == "part":
        (kept / "part-0000003.f4").unlink()
    elif damage == "cut":
        os.truncate(kept / "part-0000003.f4", 100)
    else:
        (kept / "checkpoint.json").write_text('{"identity"' if damage == "checkpoint" else '{"identity": 1}')
    with pytest.raises(InvalidInput, match="start over with fresh=True"):
        await run(job(source, "out.npy"), FakeGateway())
    assert (await run(job(source, "out.npy", fresh=True), FakeGateway())).rows == 1000


# the output's place


async def test_an_output_that_is_there_is_replaced_on_request_alone_and_only_by_a_whole_one(source: Path) -> None:
    out = source.parent / "out.npy"
    out.write_text("mine")
    with pytest.raises(ConfigurationError, match="exists; overwrite=True replaces it"):
        await run(job(source, "out.npy"), FakeGateway())
    await interrupted(job(source, "out.npy", overwrite=True))
    assert out.read_text() == "mine"
    await run(job(source, "out.npy", overwrite=True), FakeGateway())
    assert digest(out) == await undisturbed(source, "npy")


async def test_an_input_is_never_its_own_output(source: Path) -> None:
    with pytest.raises(InvalidInput, match="its own output"):
        await run(job(source, source.name, overwrite=True), FakeGateway())


async def test_a_folder_that_is_not_there_is_named(source: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"folder .* does not exist"):
        await run(job(source, "nowhere/out.npy"), FakeGateway())


@pytest.mark.parametrize("refusal", [errno.EROFS, errno.EACCES, errno.ENOENT])
async def test_a_folder_that_nothing_can_be_made_in_is_named(
    source: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    """The system's own answer, put in by hand: the superuser may write everywhere; `/proc` answers the last."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr("pathlib.Path.mkdir", refused)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        await run(job(source, "out.npy"), FakeGateway())


async def test_a_folder_in_place_of_the_output_is_told_before_anything_is_computed(source: Path) -> None:
    (source.parent / "out.npy").mkdir()
    gateway = FakeGateway()
    with pytest.raises(ConfigurationError, match="is a folder"):
        await run(job(source, "out.npy", overwrite=True), gateway)
    assert gateway.calls == []


async def test_a_disk_that_cannot_lock_is_not_called_another_process(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(ConfigurationError, match="cannot be locked: No locks"):
        await run(job(source, "out.npy"), FakeGateway())


async def test_a_second_run_on_one_output_is_refused_while_the_first_is_at_it(source: Path) -> None:
    class Meeting(FakeGateway):
        refused = 0

        async def embed_batch(self, texts: Any, model: str, **options: Any) -> Any:
            with pytest.raises(ConfigurationError, match="another process is working on"):
                await run(job(source, "out.npy"), FakeGateway())
            self.refused += 1
            return await super().embed_batch(texts, model, **options)

    gateway = Meeting()
    await run(job(source, "out.npy"), gateway)
    assert gateway.refused == 20


@pytest.mark.parametrize("out", OUTS)
async def test_a_full_disk_is_said_and_what_is_done_is_kept(source: Path, out: str) -> None:
    """A limit on the size of files stands for it: writing ends in the midst of a part, with an error of its kind."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    held = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    gateway = FakeGateway()

    def watch(progress: Progress) -> None:
        if progress.rows >= 100 and progress.phase == "embed":
            resource.setrlimit(resource.RLIMIT_FSIZE, (1200, limit[1]))

    try:
        with pytest.raises(ConfigurationError, match="no space left for"):
            await run(job(source, f"out.{out}"), gateway, progress=watch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, held)
    summary = await run(job(source, f"out.{out}"), FakeGateway())
    assert summary.resumed >= 100
    assert digest(source.parent / f"out.{out}") == await undisturbed(source, out)


async def test_a_disk_that_will_be_full_is_said_after_the_first_window(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10_000))
    gateway = FakeGateway(0.01)
    with pytest.raises(ConfigurationError, match=r"needs \d+ bytes, and 10000 are free"):
        await run(job(source, "out.npy"), gateway)
    assert len(gateway.calls) <= 4


# errors by rows


async def test_a_refused_text_is_named_by_its_row(tmp_path: Path) -> None:
    rows = [{"text": None if place < 5 else str(place)} for place in range(100)]
    source = write(tmp_path / "in", "jsonl", rows)

    class Strict(FakeGateway):
        async def embed_batch(self, texts: Any, model: str, **options: Any) -> Any:
            if "77" in texts:
                raise InvalidInput(f"text {texts.index('77')} has 300 tokens, and the model takes 256", field="texts")
            return await super().embed_batch(texts, model, **options)

    with pytest.raises(InvalidInput, match=r"^row 78 \(the first is 1\) has 300 tokens"):
        await run(job(source, "out.npy", on_null="skip", window=20), Strict())


async def test_progress_tells_rows_tokens_and_what_is_left(source: Path) -> None:
    await interrupted(job(source, "out.npy"))
    told: list[Progress] = []
    summary: Summary = await run(job(source, "out.npy"), FakeGateway(), progress=told.append)
    embedding = [progress for progress in told if progress.phase == "embed"]
    assert [progress.rows for progress in embedding] == list(range(summary.resumed, 1001, 50))
    assert {progress.total for progress in embedding} == {1000}
    assert embedding[0].texts_per_second == 0
    assert embedding[-1].eta == 0
    assert embedding[-1].tokens == 4000
    assert embedding[1].tokens_per_second == pytest.approx(4 * embedding[1].texts_per_second)
    assert told[-1].phase == "join"
