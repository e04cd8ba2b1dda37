"""`--functions`: the functions of a Python file as tools, which run after the user has agreed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import traceback
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from ratatoskr.cli.inputs import read_file
from ratatoskr.cli.render import collapse_lines, escape_json
from ratatoskr.errors import InvalidInput, RatatoskrError
from ratatoskr.types.message import Message
from ratatoskr.types.tool import ToolDefinition

if TYPE_CHECKING:
    from ratatoskr.cli.render import Screen
    from ratatoskr.types.part import ToolCall, ToolResult

T = TypeVar("T")

MODULE = "rat_functions"
"""The name of the module that a file becomes."""


@dataclass(frozen=True, slots=True)
class FunctionRunner:
    """Runs the calls of a model.

    Attributes:
        tools: by name.
        max_rounds: the most answers of the model to one question.
        asks: whether the user is asked before each call.
    """

    tools: dict[str, ToolDefinition]
    max_rounds: int
    asks: bool

    def run(self, calls: Sequence[ToolCall], screen: Screen) -> Message:
        """Show the calls, run those that the user allows, and return the results, which are shown, too."""
        allowed = [self._is_allowed(call, screen) for call in calls]

        async def answer(call: ToolCall, ok: bool) -> ToolResult:
            if call.name not in self.tools:
                return call.result(f"there is no tool named {call.name!r}", is_error=True)
            if not ok:
                return call.result("the user did not allow this call", is_error=True)
            return await self.tools[call.name].run(call)

        async def answer_all() -> list[ToolResult]:
            return await asyncio.gather(*map(answer, calls, allowed))

        with contextlib.redirect_stdout(sys.stderr):  # standard output is the answer's
            results = _run_in_main_thread(answer_all())
        for call, result in zip(calls, results, strict=True):
            text = "".join(getattr(part, "text", f"[{part.type}]") for part in result.content)
            mark = "error" if result.is_error else "result"
            screen.note(f"{collapse_lines(call.name)} {mark}: {text}")
        return Message.tool_results(*results)

    def _is_allowed(self, call: ToolCall, screen: Screen) -> bool:
        screen.aside(f"{_display_call(call)}\n", dim=False)
        if call.name not in self.tools or not self.asks:
            return True
        screen.aside("run it? [y/N] ", dim=False)
        return sys.stdin.readline().strip().casefold() in ("y", "yes")


class _WaitingWork(ThreadPoolExecutor):
    """Keeps work for the main thread, where Ctrl-C ends it; a thread would have to be waited for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(1)
        self._loop = loop
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.append((future, partial(fn, *args, **kwargs)))
        self._loop.stop()
        return future

    def run(self) -> None:
        """Run what waits, outside the loop: a function may run one of its own."""
        while self._waiting:
            future, work = self._waiting.pop(0)
            try:
                future.set_result(work())
            except Exception as error:  # the caller's, as from a thread
                future.set_exception(error)


def _run_in_main_thread(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns; what it gives to threads runs here between the steps of its loop."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        executor = _WaitingWork(loop)
        loop.set_default_executor(executor)
        task = loop.create_task(work)

        def stop(_: object) -> None:
            loop.stop()

        task.add_done_callback(stop)
        try:
            while not task.done():
                loop.run_forever()
                executor.run()
        finally:
            task.remove_done_callback(stop)  # the runner runs the loop once more to cancel what is left
        return task.result()


def _display_call(call: ToolCall) -> str:
    """Return a call on one line, whole, so that what the user agrees to is what runs."""
    try:
        arguments = json.dumps(json.loads(call.arguments or "{}"), ensure_ascii=False)
    except (ValueError, RecursionError):
        arguments = call.arguments.replace("\n", "␊")
    return f"{collapse_lines(call.name)}({escape_json(arguments)})"


def load_functions(file: str) -> dict[str, ToolDefinition]:
    """Return the public functions that a Python file defines, as tools by name; what it imports is not among them.

    Raises:
        InvalidInput: the file cannot be read or run, defines no function, or one that no model can call.
    """
    module = ModuleType(MODULE)
    module.__file__ = file
    sys.modules[MODULE] = module  # where dataclasses and annotations look names up
    sys.path.append(str(Path(file).resolve().parent))
    try:
        exec(compile(read_file(file), file, "exec"), module.__dict__)  # noqa: S102  # the user's own file, by request
    except (Exception, SystemExit) as error:
        raise InvalidInput(f"{_place(error, file)}: {type(error).__name__}: {error}", field="functions") from None
    found = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == MODULE and value.__name__ == name and name[0] != "_"
    }
    if not found:
        raise InvalidInput(f"{file} defines no function whose name begins with a letter", field="functions")
    try:
        return {name: ToolDefinition.from_function(function) for name, function in found.items()}  # type: ignore[arg-type]  # a function has both attributes
    except RatatoskrError as error:
        raise InvalidInput(f"{file}: {error.message}", field="functions") from None


def _place(error: BaseException, file: str) -> str:
    """Return the file, and the line of it where an error arose."""
    if isinstance(error, SyntaxError):
        return f"{file}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{file}:{lines[-1]}" if lines else file
