"""Conversations that are kept: one file each, readable by its owner alone, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ratatoskr.errors import ConfigurationError, RatatoskrError
from ratatoskr.types.message import Message, dump_messages, load_messages

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


@dataclass(slots=True)
class Conversation:
    """What has been said, and where it is kept.

    Attributes:
        name: of its file.
        messages: from the first on.
        kept: whether it is to be saved.
    """

    name: str
    messages: list[Message] = field(default_factory=list)
    kept: bool = True

    @property
    def models(self) -> tuple[str, ...]:
        """The models that were asked last; none in a new conversation."""
        for message in reversed(self.messages):
            models = message.metadata.get("models")
            if isinstance(models, list) and all(isinstance(model, str) for model in models):
                return tuple(models)
        return ()

    def instruct(self, system: str) -> None:
        """Put instructions to the model at the beginning, in place of those that are there."""
        rest = self.messages[1:] if self.messages and self.messages[0].role == "system" else self.messages
        self.messages = [Message.system(system), *rest]

    def asked(self, question: Message) -> list[Message]:
        """Return the history with a question; calls that nobody ran are answered, as providers want each to be."""
        calls = self.messages[-1].tool_calls if self.messages else ()
        refused = [call.result("shown to the user, not run", is_error=True) for call in calls]
        return [*self.messages, *([Message.tool_results(*refused)] if refused else []), question]

    def remember(self, history: Sequence[Message], answer: Message, models: Sequence[str]) -> None:
        """Add a question and its answer, with the models that were asked, and save them.

        Raises:
            ConfigurationError: it cannot be saved.
        """
        marked = Message(answer.role, answer.content, answer.name, {**answer.metadata, "models": list(models)})
        self.messages = [*history, marked]
        if self.kept:
            _write(path_of(self.name), dump_messages(self.messages))


def folder() -> Path:
    """Return where conversations are kept: `$XDG_STATE_HOME/ratatoskr/chats`.

    A relative path there is ignored, as https://specifications.freedesktop.org/basedir-spec/0.8/ has it.
    """
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if Path(state).is_absolute() else Path(os.path.expanduser("~")) / ".local" / "state"  # noqa: PTH111 - Path.expanduser raises without a home
    return base / "ratatoskr" / "chats"


def path_of(name: str) -> Path:
    """Return the file of a conversation.

    Raises:
        ConfigurationError: the name could lead elsewhere.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"a session's name is up to 100 letters, digits, '.', '_' and '-', and begins with no sign; not {name!r}",
            field="session",
        )
    return folder() / f"{name}.json"


def begin(kept: bool) -> Conversation:
    """Return a new conversation with a name that none has."""
    now = datetime.now().astimezone()
    return Conversation(f"{now:%Y-%m-%d_%H%M%S}-{secrets.token_hex(2)}", kept=kept)


def named(name: str, kept: bool) -> Conversation:
    """Return the conversation of a name; a new one where there is none yet."""
    path = path_of(name)
    return Conversation(name, _read(path) if path.exists() else [], kept)


def latest(kept: bool) -> Conversation:
    """Return the conversation that was written last.

    Raises:
        ConfigurationError: there is none, or it cannot be read.
    """
    try:
        paths = [path for path in folder().glob("*.json") if _NAME.fullmatch(path.stem)]
        newest = max(paths, key=lambda path: path.stat().st_mtime_ns)
    except (OSError, ValueError):
        raise ConfigurationError(f"there is no conversation to continue in {folder()}", field="continue") from None
    return Conversation(newest.stem, _read(newest), kept)


def _read(path: Path) -> list[Message]:
    try:
        return load_messages(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
    except (RatatoskrError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is no conversation that this version reads: {error}") from None


def private_folder() -> Path:
    """Return the folder of conversations, made if need be so that only its owner may look into it."""
    chats = folder()
    chats.parent.parent.mkdir(parents=True, exist_ok=True)
    chats.parent.mkdir(mode=0o700, exist_ok=True)
    chats.mkdir(mode=0o700, exist_ok=True)
    return chats


def _write(path: Path, text: str) -> None:
    """Write a file beside it and put that in its place, so that no crash leaves half of it."""
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=private_folder(), prefix=f".{path.stem}.", suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        if isinstance(error, OSError):
            raise ConfigurationError(f"the conversation is not saved: {path}: {error.strerror}") from None
        raise
