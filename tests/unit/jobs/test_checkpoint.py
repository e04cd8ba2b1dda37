"""The directory of a job: what a run may continue, the lock, and folders that cannot be used."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.jobs import EmbedJob, run
from unit.jobs.fake import FakeGateway
from unit.jobs.files import write
from unit.jobs.small_jobs import ROWS, embed, interrupt_job, job


async def test_a_named_pipe_is_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in.csv")
    with pytest.raises(InvalidInput, match="is not a regular file"):
        await embed(tmp_path / "in.csv", tmp_path / "out.npy")


CHANGES: dict[str, dict[str, Any]] = {
    "model_digest": {"model_digest": "another"},
    "input_type": {"input_type": "query"},
    "dimensions": {"dimensions": 8},
    "truncate": {"truncate": False},
    "on_null": {"on_null": "skip"},
    "window": {"window": 60},
    "precision": {"precision": "int8"},
    "column": {"column": "other"},
    "output_column": {"output_column": "vector"},
}


@pytest.mark.parametrize("field", CHANGES)
async def test_the_checkpoint_of_another_job_is_refused_naming_the_field_that_differs(
    tmp_path: Path, field: str
) -> None:
    source = write(tmp_path / "in", "jsonl", [{**row, "other": "a"} for row in ROWS])
    await interrupt_job(job(source, "out.npy"))
    with pytest.raises(
        InvalidInput, match=rf"is of a job with another {field} .*; start over with fresh=True"
    ) as caught:
        await run(job(source, "out.npy", **CHANGES[field]), FakeGateway())
    assert caught.value.field == field
    gateway = FakeGateway()
    summary = await run(job(source, "out.npy", **CHANGES[field], fresh=True), gateway)
    assert (summary.resumed, sum(map(len, gateway.calls))) == (0, 1000)


async def test_the_checkpoint_of_another_model_is_refused(source: Path) -> None:
    await interrupt_job(job(source, "out.npy"))
    other = EmbedJob(source, source.parent / "out.npy", "another", window=50)
    with pytest.raises(InvalidInput, match="another model \\('fake' there, 'another' here\\)"):
        await run(other, FakeGateway())


async def test_the_checkpoint_of_an_input_that_has_changed_is_refused(source: Path) -> None:
    await interrupt_job(job(source, "out.npy"))
    with source.open("a") as file:
        file.write('{"id": 0, "text": "one more"}\n')
    with pytest.raises(InvalidInput, match="another source \\(the file has changed\\)"):
        await run(job(source, "out.npy"), FakeGateway())


@pytest.mark.parametrize("damage", ["part", "cut", "checkpoint", "shape"])
async def test_a_damaged_directory_is_refused(source: Path, damage: str) -> None:
    await interrupt_job(job(source, "out.npy"))
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


async def test_a_missing_folder_is_named(source: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"folder .* does not exist"):
        await run(job(source, "nowhere/out.npy"), FakeGateway())


@pytest.mark.parametrize("refusal", [errno.EROFS, errno.EACCES, errno.ENOENT])
async def test_a_folder_that_cannot_be_written_is_named(
    source: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    """The system's own answer, put in by hand: the superuser may write everywhere; `/proc` answers the last."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr("pathlib.Path.mkdir", refused)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        await run(job(source, "out.npy"), FakeGateway())


async def test_a_file_system_without_locks_is_not_reported_as_another_process(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(ConfigurationError, match="cannot be locked: No locks"):
        await run(job(source, "out.npy"), FakeGateway())


async def test_a_second_run_on_the_same_output_is_refused_during_the_first(source: Path) -> None:
    class SecondRun(FakeGateway):
        refused = 0

        async def embed_batch(self, texts: Any, model: str, **options: Any) -> Any:
            with pytest.raises(ConfigurationError, match="another process is working on"):
                await run(job(source, "out.npy"), FakeGateway())
            self.refused += 1
            return await super().embed_batch(texts, model, **options)

    gateway = SecondRun()
    await run(job(source, "out.npy"), gateway)
    assert gateway.refused == 20


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize(
    "kind", ["folder", "nested", "link", "dangling", "file", "part", "lock", "pipe", "mark", "deep"]
)
async def test_a_directory_that_no_job_made_is_refused_and_kept(source: Path, kind: str, fresh: bool) -> None:
    precious, kept = source.parent / "home" / "thesis.txt", source.parent / "out.npy.job"
    precious.parent.mkdir()
    precious.write_text("precious")
    if kind in {"link", "dangling"}:
        kept.symlink_to(precious.parent if kind == "link" else "nowhere")
    elif kind == "file":
        kept.write_text("precious")
        precious = kept
    else:
        kept.mkdir()
        if kind == "folder":
            precious = precious.rename(kept / "thesis.txt")
        elif kind == "nested":
            precious = precious.parent.rename(kept / "home") / "thesis.txt"
        elif kind in {"part", "lock"}:
            (kept / {"part": "part-0000000.f4", "lock": "lock"}[kind]).symlink_to(precious)
        elif kind == "pipe":
            os.mkfifo(kept / "lock")
        elif kind == "mark":
            precious = precious.rename(kept / "lock")
        else:
            (kept / "checkpoint.json").mkdir()
    with pytest.raises(ConfigurationError, match=r"out\.npy\.job.* move it away or choose another output"):
        await run(job(source, "out.npy", fresh=fresh), FakeGateway())
    assert precious.read_text() == "precious"
    assert not (source.parent / "out.npy").exists()


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_foreign_file_in_the_directory_of_a_job_is_kept(source: Path, fresh: bool) -> None:
    await interrupt_job(job(source, "out.npy"))
    kept = source.parent / "out.npy.job"
    (kept / "thesis.txt").write_text("precious")
    assert (await run(job(source, "out.npy", fresh=fresh), FakeGateway())).rows == 1000
    assert [entry.name for entry in kept.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("kind", ["symbolic", "hard"])
async def test_a_part_is_never_written_through_a_link(source: Path, kind: str) -> None:
    precious = source.parent / "thesis.txt"
    precious.write_text("precious")

    class Planting(FakeGateway):
        async def embed_batch(self, texts: Any, model: str, **options: Any) -> Any:
            if not self.calls:
                for name in ("part-0000001.f4", "joined"):
                    place = source.parent / "out.npy.job" / name
                    place.symlink_to(precious) if kind == "symbolic" else place.hardlink_to(precious)
            return await super().embed_batch(texts, model, **options)

    await run(job(source, "out.npy"), Planting())
    assert precious.read_text() == "precious"
    assert (source.parent / "out.npy").stat().st_nlink == 1


@pytest.mark.parametrize(
    "change", [{"quoting": "none"}, {"delimiter": ","}, {"encoding": "latin-1"}], ids=lambda change: next(iter(change))
)
async def test_the_checkpoint_of_a_csv_that_was_read_otherwise_is_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    source = write(tmp_path / "in", "csv", ROWS)
    await interrupt_job(job(source, "out.npy"))
    with pytest.raises(InvalidInput, match=f"is of a job with another {next(iter(change))}"):
        await run(job(source, "out.npy", **change), FakeGateway())


async def test_a_deeply_nested_checkpoint_is_refused(source: Path) -> None:
    await interrupt_job(job(source, "out.npy"))
    (source.parent / "out.npy.job" / "checkpoint.json").write_text("[" * 100_000)
    with pytest.raises(InvalidInput, match="is broken"):
        await run(job(source, "out.npy"), FakeGateway())


@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o640, 0o640), (0o666, 0o644), (0o400, 0o600)])
async def test_the_output_is_readable_by_no_more_users_than_the_input(source: Path, mode: int, expected: int) -> None:
    os.chmod(source, mode)  # noqa: PTH101
    before = os.umask(0o022)
    try:
        await run(job(source, "out.npy"), FakeGateway())
    finally:
        os.umask(before)
    assert (source.parent / "out.npy").stat().st_mode & 0o777 == expected
