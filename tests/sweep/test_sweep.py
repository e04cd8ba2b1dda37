"""Hostile data to everything that loads data: refused by a typed, short error or taken, without a hang.

The ordinary suite gives each loader a few inputs; `make sweep` gives them as many as `SWEEP_RUNS` says, and prints a
table. Equal numbers give equal inputs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ratatoskr.errors import InvalidInput
from sweep import files, jobs, models, plain_data, setup, shell, wire
from sweep.loader import Loader, Seed, sweep
from sweep.mutator import Mutator, as_json, as_object

FEW = 120
"""Inputs of each loader in the ordinary suite, times its share."""
RUNS = int(os.environ.get("RATATOSKR_SWEEP_RUNS", "0"))
TOPICS = {
    "plain data": lambda _: plain_data.loaders(),
    "wire": lambda _: wire.loaders(),
    "files": files.loaders,
    "jobs": jobs.loaders,
    "models": models.loaders,
    "shell": shell.loaders,
    "setup": lambda _: setup.loaders(),
}


def _all_loaders(folder: Path) -> Iterator[Loader]:
    for name, make in TOPICS.items():
        place = folder / name.replace(" ", "-")
        place.mkdir()
        yield from make(place)


@pytest.mark.parametrize("topic", TOPICS)
def test_hostile_data_is_refused_by_a_typed_error_or_taken(topic: str, tmp_path: Path) -> None:
    for loader in TOPICS[topic](tmp_path):
        outcome = sweep(loader, int(FEW * loader.share))
        assert not outcome.faults, f"{loader.name}: {outcome.faults}\n{outcome.examples}"


@pytest.mark.slow
def test_sweep_of_all_loaders(tmp_path: Path) -> None:
    loaders = list(_all_loaders(tmp_path))
    shares = sum(loader.share for loader in loaders)
    print("\n| loader | inputs | refused | accepted | untyped |\n|---|--:|--:|--:|--:|")
    total, found = [0, 0, 0, 0], []
    for loader in loaders:
        outcome = sweep(loader, max(FEW, round((RUNS or 10_000) * loader.share / shares)), seed=1)
        row = [outcome.inputs, outcome.refused, outcome.accepted, outcome.faults.total()]
        total = [before + more for before, more in zip(total, row, strict=True)]
        print(f"| {loader.name} | {' | '.join(f'{number:,}' for number in row)} |", flush=True)
        found += [f"{loader.name}: {kind}\n  {outcome.examples[kind]}" for kind in outcome.faults]
    print(f"| all | {' | '.join(f'{number:,}' for number in total)} |")
    assert not found, "\n".join(found)


# What would make the sweep pass without testing anything


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("load", "fault"),
    [
        (lambda _: _raise(KeyError("x")), "KeyError"),
        (lambda _: _raise(MemoryError()), "MemoryError"),
        (lambda _: _raise(InvalidInput("x", field="a")), ""),
        (lambda _: bytearray(150 * 2**20).find(b"x"), "MiB"),
        (lambda _: [number for number in range(10**12) if number < 0], "of CPU"),
    ],
)
def test_a_fault_is_found(load, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweep.loader.CPU_LIMIT", 0.2)
    outcome = sweep(Loader("one", "json", [Seed({"a": 1})], lambda value, _: load(value)), 1)
    assert outcome.inputs == 1
    assert bool(outcome.faults) == bool(fault)
    assert all(fault in kind for kind in outcome.faults)


def test_equal_numbers_give_equal_inputs_and_seeds_stay_as_they_are() -> None:
    seed = {"a": [1, 2.5, {"b": None}], "c": "text"}
    made = [[as_json(mutator.tree(seed)) for _ in range(200)] for mutator in (Mutator(5), Mutator(5), Mutator(6))]
    assert made[0] == made[1] != made[2]
    assert len(set(made[0])) > 100
    assert seed == {"a": [1, 2.5, {"b": None}], "c": "text"}


def test_objects_hold_themselves_and_numbers_beyond_those_of_json() -> None:
    mutator = Mutator(1)
    made = [as_object(mutator.tree({"a": {"b": [1]}}, objects=True)) for _ in range(400)]
    assert any(isinstance(one, dict) and one.get("a") is one for one in made)
    assert any(isinstance(one, dict) and type(one.get("a")) is int and one["a"] > 10**300 for one in made)
