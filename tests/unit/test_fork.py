"""Renewal after a fork."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap

from ratatoskr import _fork


class Counter:
    def __init__(self) -> None:
        self.renewals = 0

    def renew(self) -> None:
        self.renewals += 1


def run(program: str) -> str:
    """Return what a fresh interpreter prints; `in_child` runs a function in a fork and waits for its end."""
    prelude = """
    import os
    from ratatoskr import _fork

    def in_child(function):
        pid = os.fork()
        if pid == 0:
            function()
            os._exit(0)
        os.waitpid(pid, 0)
    """
    source = textwrap.dedent(prelude) + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=30, check=True)
    assert "Traceback" not in done.stderr or "expected" in done.stderr, done.stderr
    return done.stdout


def test_callbacks_run_in_the_child_alone_in_the_order_of_registration() -> None:
    assert (
        run("""
    order = []
    _fork.call_in_child(lambda: order.append(1))
    _fork.call_in_child(lambda: order.append(2))
    in_child(lambda: print(order, flush=True))
    print(order)
    """)
        == "[1, 2]\n[]\n"
    )


def test_a_child_of_a_child_is_renewed_once_more() -> None:
    assert (
        run("""
    order = []
    _fork.call_in_child(lambda: order.append(len(order)))
    in_child(lambda: in_child(lambda: print(order, flush=True)))
    """)
        == "[0, 1]\n"
    )


def test_a_callback_that_raises_does_not_keep_the_others_from_running() -> None:
    assert (
        run("""
    order = []
    def fail():
        raise ValueError("expected")
    _fork.call_in_child(fail)
    _fork.call_in_child(lambda: order.append("ran"))
    in_child(lambda: print(order, flush=True))
    """)
        == "['ran']\n"
    )


def test_a_method_is_registered_once_and_does_not_keep_its_object_alive() -> None:
    counter = Counter()
    _fork.call_in_child(counter.renew)
    _fork.call_in_child(counter.renew)
    assert sum(isinstance(owner, Counter) for owner in _fork._callbacks) == 1
    del counter
    gc.collect()
    assert not [owner for owner in _fork._callbacks if isinstance(owner, Counter)]


def test_a_method_is_called_while_its_object_exists() -> None:
    assert (
        run("""
    class Counter:
        renewals = 0
        def renew(self):
            self.renewals += 1
    kept, gone = Counter(), Counter()
    _fork.call_in_child(kept.renew)
    _fork.call_in_child(gone.renew)
    del gone
    in_child(lambda: print(kept.renewals, flush=True))
    """)
        == "1\n"
    )


def test_an_abandoned_object_is_not_finalized() -> None:
    assert (
        run("""
    class Finalized:
        def __del__(self):
            print("finalized", flush=True)
    things = [Finalized()]
    def renew():
        _fork.abandon(things.pop())
    _fork.call_in_child(renew)
    in_child(lambda: print(things, flush=True))
    print("parent", flush=True)
    os._exit(0)
    """)
        == "[]\nparent\n"
    )
