"""Saved conversations: one file each, readable by its owner alone, written atomically."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ratatoskr._files import check_folder, make_folder, state_folder
from ratatoskr.cli.options import Addresses
from ratatoskr.errors import ConfigurationError, RatatoskrError
from ratatoskr.types.message import Message, dump_messages, load_messages

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


@dataclass(slots=True)
class Conversation:
    """The messages of a conversation, and where it is saved.

    Attributes:
        name: the name of its file.
        messages: all of them.
        saved: whether it is saved after each answer.
    """

    name: str
    messages: list[Message] = field(default_factory=list)
    saved: bool = True
    _on_disk: list[Message] = field(init=False)

    def __post_init__(self) -> None:
        self._on_disk = self.messages

    @property
    def models(self) -> tuple[str, ...]:
        """The models of the last call; none in a new conversation."""
        for message in reversed(self.messages):
            models = message.metadata.get("models")
            if isinstance(models, list) and all(isinstance(model, str) for model in models):
                return tuple(models)
        return ()

    @property
    def where(self) -> Addresses:
        """The addresses of the last call; none in a new conversation."""
        for message in reversed(self.messages):
            urls = message.metadata.get("base_urls")
            if isinstance(urls, list) and all(isinstance(url, str) for url in urls):
                return Addresses(tuple(urls), message.metadata.get("allow_insecure") is True)
        return Addresses()

    def set_system(self, system: str) -> None:
        """Set the system message at the beginning, replacing an existing one."""
        rest = self.messages[1:] if self.messages and self.messages[0].role == "system" else self.messages
        self.messages = [Message.system(system), *rest]

    def take_back(self, question: Message) -> None:
        """Remove the last message that is this question, and everything after it."""
        place = max(i for i, message in enumerate(self.messages) if message is question)
        self.messages = self.messages[:place]

    def rename(self, name: str) -> None:
        """Give the conversation, and its file if there is one, another name.

        Raises:
            ConfigurationError: it is not a name, a conversation has it, or the file cannot be moved.
        """
        old, new = conversation_path(self.name), conversation_path(name)
        if new.exists():
            raise ConfigurationError(f"there is a conversation {name!r}; `rat sessions rm {name}` removes it")
        try:
            if old.exists():
                old.rename(new)
        except OSError as error:
            raise ConfigurationError(f"cannot rename {old}: {error.strerror}") from None
        self.name = name

    def save(self) -> None:
        """Save the conversation now, and from now on after each answer.

        Raises:
            ConfigurationError: it cannot be saved.
        """
        self.saved = True
        path = conversation_path(self.name)
        with _lock(path):
            _write(path, dump_messages(self.messages))
            self._on_disk = self.messages

    def with_question(self, question: Message) -> list[Message]:
        """Return the history with a question; tool calls that were not run get the error results that APIs require."""
        calls = self.messages[-1].tool_calls if self.messages else ()
        refused = [call.result("shown to the user, not run", is_error=True) for call in calls]
        return [*self.messages, *([Message.tool_results(*refused)] if refused else []), question]

    def remember(
        self, history: Sequence[Message], answers: Sequence[Message], models: Sequence[str], where: Addresses
    ) -> None:
        """Add a question and its answer, with the models and addresses of the call, and save the conversation.

        Before the answer may come calls of functions and their results.

        Turns that another process has saved since this one read the file are kept, before the new turn.

        Raises:
            ConfigurationError: it cannot be saved.
        """
        call: dict[str, Any] = {"models": list(models)}
        if where.base_urls:
            call |= {"base_urls": list(where.base_urls), "allow_insecure": where.allow_insecure}
        *before, answer = answers
        stored = [*before, Message(answer.role, answer.content, answer.name, {**answer.metadata, **call})]
        self.messages = [*history, *stored]
        if self.saved:
            path = conversation_path(self.name)
            with _lock(path):
                on_disk = _read(path) if path.exists() else []
                if on_disk not in ([], self._on_disk):
                    self.messages = [*Conversation(self.name, on_disk).with_question(history[-1]), *stored]
                _write(path, dump_messages(self.messages))
                self._on_disk = self.messages


def chats_folder() -> Path:
    """Return the folder of conversations: `$XDG_STATE_HOME/ratatoskr/chats`."""
    return state_folder() / "chats"


def conversation_path(name: str) -> Path:
    """Return the file of a conversation.

    Raises:
        ConfigurationError: the name is not a plain file name.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"a session name is up to 100 letters, digits, '_', '.' and '-', not '.' or '-' first; got {name!r}",
            field="session",
        )
    return chats_folder() / f"{name}.json"


def create(save: bool) -> Conversation:
    """Return a new conversation with a unique name."""
    now = datetime.now().astimezone()
    return Conversation(f"{now:%Y-%m-%d_%H%M%S}-{secrets.token_hex(2)}", saved=save)


def open_named(name: str, save: bool) -> Conversation:
    """Return the conversation of a name, a new one if it does not exist."""
    path = conversation_path(name)
    return Conversation(name, _read(path) if path.exists() else [], save)


def open_existing(name: str) -> Conversation:
    """Return the conversation of a name.

    Raises:
        ConfigurationError: there is none, or it cannot be read.
    """
    path = conversation_path(name)
    if not path.exists():
        raise ConfigurationError(f"there is no conversation {name!r}; `rat sessions list` lists them", field="session")
    return Conversation(name, _read(path))


def list_conversations() -> list[Path]:
    """Return the files of all conversations, the one that was saved last first."""
    found = []
    for path in chats_folder().glob("*.json"):
        with contextlib.suppress(OSError):  # removed meanwhile
            if _NAME.fullmatch(path.stem):
                found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found, reverse=True)]


def remove(name: str) -> None:
    """Remove the conversation of a name.

    Raises:
        ConfigurationError: there is none, or it cannot be removed.
    """
    path = conversation_path(name)
    try:
        path.unlink()
    except FileNotFoundError:
        raise ConfigurationError(f"there is no conversation {name!r}; `rat sessions list` lists them") from None
    except OSError as error:
        raise ConfigurationError(f"cannot remove {path}: {error.strerror}") from None


def open_latest(save: bool) -> Conversation:
    """Return the conversation that was saved last.

    Raises:
        ConfigurationError: there is none, or it cannot be read.
    """
    newest = next(iter(list_conversations()), None)
    if newest is None:
        raise ConfigurationError(f"there is no conversation to continue in {chats_folder()}", field="continue")
    return Conversation(newest.stem, _read(newest), save)


def _read(path: Path) -> list[Message]:
    check_folder(path.parent)
    try:
        return load_messages(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
    except (RatatoskrError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not a conversation that this version can read: {error}") from None


def private_folder() -> Path:
    """Return the folder of conversations, created if missing with access for its owner alone."""
    chats = chats_folder()
    make_folder(chats, 0o700)
    return chats


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold the lock of the folder while a conversation in it is read and replaced."""
    try:
        lock = os.open(private_folder(), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigurationError(f"the conversation is not saved: {path}: {error.strerror}") from None
    try:
        try:
            check_folder(path.parent)
        except ConfigurationError as error:
            raise ConfigurationError(f"the conversation is not saved: {error.message}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise ConfigurationError(f"the conversation is not saved: {path}: {error.strerror}") from None
        yield
    finally:
        os.close(lock)


def _write(path: Path, text: str) -> None:
    """Replace a file atomically."""
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
