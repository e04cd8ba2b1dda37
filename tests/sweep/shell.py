"""Loaders of files by commands of `rat`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from ratatoskr import dump_messages
from ratatoskr.cli.rat import rat
from ratatoskr.cli.sessions import chats_folder, private_folder
from ratatoskr.errors import ConfigurationError
from sweep.files import SCHEMA, TOOL_FILES
from sweep.loader import Loader, Seed
from sweep.plain_data import HISTORY

ASK = ("chat", "--dry-run", "-m", "openai:gpt-4.1", "--base-url", "openai=http://127.0.0.1:9/v1")


def _run(path: Path, *commands: tuple[str, ...]) -> Callable[[bytes, Any], None]:
    def load(data: bytes, _: Any) -> None:
        path.write_bytes(data)
        for command in commands:
            result = CliRunner().invoke(rat, list(command), input="", env={"OPENAI_API_KEY": "sk-1"})
            if result.exception is not None and not isinstance(result.exception, SystemExit):
                raise result.exception
            assert "Traceback" not in result.output
            if result.exit_code:
                raise ConfigurationError(result.output[-500:])

    return load


def loaders(folder: Path) -> Iterator[Loader]:
    """Yield the loaders of files by commands; the files are written below a folder."""
    private_folder()
    one = chats_folder() / "one.json"
    commands = (("sessions", "list"), ("sessions", "show", "one"), ("sessions", "export", "one"))
    history = Seed(json.loads(dump_messages(HISTORY)))
    yield Loader("rat sessions list, show, export", "json", [history], _run(one, *commands), share=0.2)
    again = _run(one, (*ASK, "--session", "one", "more"))
    yield Loader("rat chat --session", "json", [history], again, share=0.2)
    schema = folder / "schema.json"
    yield Loader(
        "rat chat --schema", "json", [Seed(SCHEMA)], _run(schema, (*ASK, "--schema", str(schema), "Hi")), share=0.2
    )
    tools = folder / "tools.json"
    seeds = [Seed(one) for one in TOOL_FILES]
    yield Loader("rat chat --tools", "json", seeds, _run(tools, (*ASK, "--tools", str(tools), "Hi")), share=0.2)
