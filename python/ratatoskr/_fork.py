"""What a forked child does before it uses objects that its parent made.

A child has only the thread that forked. Locks that other threads held stay locked in it, and threads that objects wait
for do not exist. Each module that holds such state registers one function, which replaces it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from types import MethodType
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["abandon", "call_in_child"]

_callbacks: WeakKeyDictionary[Any, Callable[[Any], object]] = WeakKeyDictionary()
"""By object: the function to call with it. A plain function is its own object, kept alive by the value."""
_abandoned: list[object] = []


def call_in_child(callback: Callable[[], object]) -> None:
    """Call `callback` in every forked child, after those registered before it. It must take no lock.

    A bound method, one for each object, does not keep its object alive and is called as long as that exists.
    """
    if isinstance(callback, MethodType):
        _callbacks[callback.__self__] = callback.__func__
    else:
        _callbacks[callback] = lambda _: callback()


def abandon(*objects: object) -> None:
    """Keep objects of the parent alive until the process ends.

    Their finalizers could wait for threads that do not exist here, or close descriptors that the parent still uses.
    """
    _abandoned.extend(objects)


def _run_callbacks() -> None:
    callbacks = list(_callbacks.items())
    with ExitStack() as stack:  # runs them all, even if one raises
        for owner, function in reversed(callbacks):
            stack.callback(function, owner)


os.register_at_fork(after_in_child=_run_callbacks)
