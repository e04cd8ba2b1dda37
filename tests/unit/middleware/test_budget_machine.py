"""Budgets that are killed, and of any calls in any order against a short model of them."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import subprocess
import sys
import textwrap
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from ratatoskr.errors import BudgetExceeded, ServiceUnavailable, Timeout
from ratatoskr.ledger.sqlite import SqliteLedger
from ratatoskr.types.budget import Budget
from unit.middleware.test_budget import CALL, DOLLAR, Meter, Model
from unit.middleware.test_limits import answer, chat_request
from unit.middleware.virtual_time import run


def test_a_call_over_midnight_is_charged_to_the_day_on_which_it_began():
    async def main() -> None:
        meter = Meter(Budget("0.01"))
        midnight = math.ceil(meter.now / 86400) * 86400

        async def ask(request, call):
            meter.now = midnight + 1.0
            await meter.chat()  # the new day has a budget of its own
            return answer(0, 1000)

        meter.now = midnight - 1.0
        await meter.meter.chat(chat_request(1000), CALL, ask)
        with pytest.raises(BudgetExceeded):
            await meter.chat()

    run(main())


KILLED = """
    import asyncio, sys
    sys.path.insert(0, sys.argv[2])
    from ratatoskr.ledger.sqlite import SqliteLedger
    from unit.middleware.test_budget import *

    async def ask(request, call):
        print("asked", flush=True)
        await asyncio.sleep(0.001)
        return answer(0, 1000)

    async def main():
        meter = Meter(Budget("0.20", per="total"), ledger=SqliteLedger(sys.argv[1]))
        while True:
            await asyncio.gather(*[meter.meter.chat(chat_request(1000), CALL, ask) for _ in range(3)])

    asyncio.run(main())
"""


def test_a_budget_in_a_file_survives_kill_9(tmp_path):
    """However often the process is killed, no more than twenty calls of a cent each are asked for against 20 cents."""
    path, asked, tests = tmp_path / "ledger.sqlite", 0, os.path.dirname(os.path.dirname(os.path.dirname(__file__)))  # noqa: PTH120
    for lines in (1, 4, 5, 100):
        command = [sys.executable, "-c", textwrap.dedent(KILLED), str(path), tests]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert child.stdout is not None
        said = [line for _ in range(lines) if (line := child.stdout.readline())]
        child.send_signal(signal.SIGKILL)
        said += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        asked += len(said)
    ledger = SqliteLedger(path)
    assert 10 <= asked <= 20
    assert asyncio.run(ledger.total("budget:budget:total:UTC:error:0:", 1e9)) <= 0.20 * DOLLAR


class BudgetMachine(RuleBasedStateMachine):
    """Calls that begin and end in any order cost what a list of them says."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.meter = Meter(Budget("0.10", per=timedelta(hours=1)), Budget("0.25", per=timedelta(days=1)))
        self.charged: list[list[Any]] = []  # hour, day, cents

    def teardown(self) -> None:
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def windows(self) -> tuple[int, int]:
        return int(self.meter.now // 3600), int(self.meter.now // 86400)

    def total(self, place: int) -> int:
        return sum(one[2] for one in self.charged if one[place] == self.windows()[place])

    @rule(target=calls, cents=st.integers(1, 5))
    def begin(self, cents):
        self.meter.meter._find = lambda *_: Model(max_output_tokens=10**9)
        outcome = self.loop.create_future()
        task = self.loop.create_task(
            self.meter.meter.chat(chat_request(cents * 1000), CALL, lambda request, call: outcome)
        )
        self.loop.run_until_complete(asyncio.sleep(0))
        fits = self.total(0) + cents <= 10 and self.total(1) + cents <= 25
        assert task.done() != fits
        if not fits:
            assert isinstance(task.exception(), BudgetExceeded)
            return multiple()
        self.charged.append([*self.windows(), cents])
        return task, outcome, self.charged[-1]

    @rule(call=consumes(calls), cents=st.integers(0, 6))
    def answer_it(self, call, cents):
        call[1].set_result(answer(0, cents * 1000))
        self.loop.run_until_complete(call[0])
        call[2][2] = cents

    @rule(call=consumes(calls), error=st.sampled_from([ServiceUnavailable(), Timeout(phase="total"), None]))
    def fail_it(self, call, error):
        call[0].cancel() if error is None else call[1].set_exception(error)
        self.loop.run_until_complete(asyncio.wait([call[0]]))
        call[0].cancelled() or call[0].exception()
        call[2][2] = 0 if isinstance(error, ServiceUnavailable) else call[2][2]

    @rule(hours=st.sampled_from([0.2, 1.0, 24.0]))
    def wait(self, hours):
        self.meter.now += hours * 3600

    @invariant()
    def accounts_hold_what_was_charged(self):
        hours = {name: one for name, one in self.meter.ledger._accounts.items() if ":3600s:" in name}
        current = sum(account.total for account in hours.values() if account.until > self.meter.now)
        assert current == self.total(0) * DOLLAR // 100


TestBudgets = BudgetMachine.TestCase
TestBudgets.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
