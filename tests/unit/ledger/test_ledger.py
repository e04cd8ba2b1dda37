"""The ledgers: all or nothing, in memory and in a file, against a short model; files of others; killed processes."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from ratatoskr.errors import ConfigurationError
from ratatoskr.ledger.memory import MemoryLedger
from ratatoskr.ledger.protocol import LAG, Charge, Hold, Refusal
from ratatoskr.ledger.sqlite import SqliteLedger


@pytest.fixture(params=["memory", "file"])
def ledger(request, tmp_path):
    made = MemoryLedger() if request.param == "memory" else SqliteLedger(tmp_path / "ledger.sqlite")
    yield made
    made.close()


def reserve(ledger, *charges: Charge, now: float = 0.0) -> Hold | Refusal:
    return asyncio.run(ledger.reserve(charges, now))


def total(ledger, account: str, now: float = 0.0) -> int:
    return asyncio.run(ledger.total(account, now))


def test_all_charges_are_reserved_or_none(ledger):
    assert isinstance(reserve(ledger, Charge("a", 5, 10), Charge("b", 5, 5)), Hold)
    refused = reserve(ledger, Charge("a", 5, 10), Charge("b", 1, 5))
    assert isinstance(refused, Refusal)
    assert (refused.position, refused.total) == (1, 5)
    assert (total(ledger, "a"), total(ledger, "b")) == (5, 5)


def test_settling_replaces_the_amount_and_may_exceed_the_limit(ledger):
    hold = reserve(ledger, Charge("a", 5, 10), Charge("b", 5, 10))
    ledger.settle(hold, (1, 12), 0.0)
    assert (total(ledger, "a"), total(ledger, "b")) == (1, 12)
    assert isinstance(reserve(ledger, Charge("b", 1, 10)), Refusal)
    assert isinstance(reserve(ledger, Charge("b", 0, 10)), Hold)


def test_an_account_without_a_limit_takes_everything(ledger):
    assert reserve(ledger, Charge("a", 5)).totals == (5,)
    assert reserve(ledger, Charge("a", 7)).totals == (12,)


def test_an_amount_is_free_again_per_seconds_after_it_was_used_and_at_most_a_moment_later(ledger):
    quick, slow = (reserve(ledger, Charge(name, 10, 10, per=60)) for name in ("quick", "slow"))
    ledger.settle(quick, (10,), 0.5)
    ledger.settle(slow, (10,), 30.0)
    assert [total(ledger, "quick", now) for now in (60.4, 60.6)] == [10, 0]
    assert [total(ledger, "slow", now) for now in (60.5, 60 * (1 + LAG) + 0.1)] == [10, 0]


def test_a_request_that_outlives_its_window_is_not_counted_twice(ledger):
    hold = reserve(ledger, Charge("a", 10, 10, per=60))
    assert total(ledger, "a", 62.0) == 0
    ledger.settle(hold, (10,), 300.0)
    assert total(ledger, "a", 300.0) == 0


def test_a_refusal_says_when_it_fits_at_best_and_at_worst(ledger):
    ledger.settle(reserve(ledger, Charge("a", 4, 10, per=60)), (4,), 0.0)
    reserve(ledger, Charge("a", 6, 10, per=60), now=5.0)
    few = reserve(ledger, Charge("a", 4, 10, per=60), now=6.0)
    many = reserve(ledger, Charge("a", 10, 10, per=60), now=6.0)
    assert (few.ready, few.earliest) == (60.0, 6.0)
    assert many.ready == pytest.approx(5 + 60 * (1 + LAG))
    assert many.earliest == 60.0
    assert reserve(ledger, Charge("a", 25, 10, per=60), now=6.0).ready == pytest.approx(many.ready + 60, abs=60)


def test_a_fixed_window_refuses_until_its_end_and_another_one_is_another_account(ledger):
    reserve(ledger, Charge("today", 10, 10, until=100.0))
    refused = reserve(ledger, Charge("today", 1, 10, until=100.0), now=50.0)
    assert refused.ready == 100.0
    assert isinstance(reserve(ledger, Charge("tomorrow", 10, 10, until=200.0), now=100.0), Hold)
    assert total(ledger, "today", 100.0) == 0


def test_accounts_that_have_ended_are_removed(tmp_path):
    memory, file = MemoryLedger(), SqliteLedger(tmp_path / "ledger.sqlite")
    for number in range(3000):
        reserve(memory, Charge(f"{number}", 1, 1, until=number + 0.5), now=float(number))
    assert len(memory._accounts) < 1100
    for number in range(200):
        reserve(file, Charge(f"{number}", 1, 1, until=number + 0.5), now=float(number))
    with sqlite3.connect(file.path) as connection:
        assert connection.execute("SELECT count(*) FROM account").fetchone()[0] < 100
        assert connection.execute("SELECT count(*) FROM entry").fetchone()[0] < 100


class LedgerMachine(RuleBasedStateMachine):
    """Both ledgers do what a list of amounts does."""

    holds = Bundle("holds")
    LIMITS: ClassVar = {"a": (10, 60.0), "b": (7, 5.0), "c": (20, math.inf)}

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ledgers = [MemoryLedger(), SqliteLedger(Path(self.folder.name) / "ledger.sqlite")]
        self.now = 0.0
        self.entries: list[list] = []  # account, amount, the time at which it is free

    def teardown(self) -> None:
        self.ledgers[1].close()
        self.folder.cleanup()

    def total(self, account: str) -> int:
        return sum(amount for name, amount, free in self.entries if name == account and free > self.now)

    @rule(target=holds, amounts=st.dictionaries(st.sampled_from("abc"), st.integers(0, 12), min_size=1))
    def reserve(self, amounts):
        charges = [Charge(name, amount, *self.LIMITS[name]) for name, amount in amounts.items()]
        fits = all(amount == 0 or self.total(name) + amount <= self.LIMITS[name][0] for name, amount in amounts.items())
        found = [reserve(ledger, *charges, now=self.now) for ledger in self.ledgers]
        assert [isinstance(one, Hold) for one in found] == [fits, fits]
        if not fits:
            assert found[0] == found[1]
            return multiple()
        mine = [[one.account, one.amount, self.now + one.per * (1 + LAG)] for one in charges]
        self.entries += mine
        return found, mine

    @rule(hold=consumes(holds), data=st.data())
    def settle(self, hold, data):
        found, mine = hold
        amounts = [data.draw(st.integers(0, 12)) for _ in mine]
        for ledger, one in zip(self.ledgers, found, strict=True):
            ledger.settle(one, amounts, self.now)
        for entry, amount in zip(mine, amounts, strict=True):
            if entry[2] > self.now:
                entry[1] = amount
                entry[2] = min(entry[2], self.now + self.LIMITS[entry[0]][1])

    @rule(seconds=st.sampled_from([0.1, 1.0, 4.9, 5.0, 30.0, 61.0]))
    def wait(self, seconds):
        self.now += seconds

    @invariant()
    def totals_are_the_same(self):
        for name in "abc":
            assert [total(ledger, name, self.now) for ledger in self.ledgers] == [self.total(name)] * 2


TestLedgers = LedgerMachine.TestCase
TestLedgers.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


# the file


def test_the_file_is_its_owners_alone_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        ledger = SqliteLedger(tmp_path / "new" / "ledger.sqlite")
        reserve(ledger, Charge("a", 1))
        modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
    finally:
        os.umask(before)
    assert modes == {0o600}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def make_readable(path: Path) -> None:
    SqliteLedger(path).close()
    path.chmod(0o644)


def make_link(path: Path) -> None:
    (path.parent / "other").touch(0o600)
    path.symlink_to(path.parent / "other")


def make_hard_link(path: Path) -> None:
    SqliteLedger(path).close()
    (path.parent / "other").hardlink_to(path)


def make_text(path: Path) -> None:
    path.touch(0o600)
    path.write_text("this is not a database, whatever its name says " * 20)


def make_database_of_others(path: Path) -> None:
    path.touch(0o600)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE account (name TEXT)")


def make_open_folder(path: Path) -> None:
    path.parent.chmod(0o777)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (make_readable, "chmod 600"),
        (make_link, "cannot be written"),
        (make_hard_link, "hard links"),
        (make_text, "cannot be used as a ledger"),
        (make_database_of_others, "another program"),
        (make_open_folder, "chmod go-w"),
        (Path.mkdir, "cannot be written"),
    ],
)
def test_a_file_that_is_not_safe_is_refused(tmp_path, make, problem):
    path = tmp_path / "folder" / "ledger.sqlite"
    path.parent.mkdir()
    make(path)
    with pytest.raises(ConfigurationError, match=problem):
        SqliteLedger(path)


def test_a_locked_file_is_waited_for_without_blocking_the_loop(tmp_path):
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    other = sqlite3.connect(ledger.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def main() -> Hold | Refusal:
        waiting = asyncio.ensure_future(ledger.reserve([Charge("a", 1)], 0.0))
        for _ in range(20):
            await asyncio.sleep(0.001)
            assert not waiting.done()
        other.execute("ROLLBACK")
        return await waiting

    assert isinstance(asyncio.run(main()), Hold)
    other.close()


def test_two_processes_share_a_file_and_a_child_opens_it_anew(tmp_path):
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    reserve(ledger, Charge("a", 1, 3))
    child = os.fork()
    if child == 0:
        ok = isinstance(reserve(ledger, Charge("a", 1, 3)), Hold)
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert total(ledger, "a") == 2


KILLED = """
    import asyncio, sys
    from ratatoskr.ledger.protocol import Charge
    from ratatoskr.ledger.sqlite import SqliteLedger

    async def main():
        ledger = SqliteLedger(sys.argv[1])
        while True:
            hold = await ledger.reserve([Charge("a", 10, 10**9)], 0.0)
            print("reserved", flush=True)
            ledger.settle(hold, [3], 0.0)
            print("settled", flush=True)

    asyncio.run(main())
"""


def test_what_a_killed_process_reserved_and_spent_stays(tmp_path):
    path, spent = tmp_path / "ledger.sqlite", 0
    for lines in (1, 2, 7, 40):
        child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(KILLED), str(path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        said += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        spent += 3 * said.count(b"settled\n")
        now = total(SqliteLedger(path), "a")
        assert spent <= now <= spent + 10 * 2, "what was printed is counted, and what was not by one call at most"
        spent = now


def test_a_reservation_that_has_become_free_is_not_taken_for_a_later_one(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    first = reserve(ledger, Charge("short", 3, 10, 5.0), now=0.0)
    assert isinstance(first, Hold)
    later = 5.0 * (1 + LAG) + 1
    assert total(ledger, "short", later) == 0
    assert isinstance(reserve(ledger, Charge("long", 2, 10, 60.0), now=later), Hold)
    ledger.settle(first, [7], later)
    assert (total(ledger, "short", later), total(ledger, "long", later)) == (0, 2)
    ledger.close()
