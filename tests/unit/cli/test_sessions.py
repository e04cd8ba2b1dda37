"""Saved conversations: private, written atomically, restricted to their folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ratatoskr.cli import sessions
from ratatoskr.cli.options import Addresses
from ratatoskr.cli.sessions import Conversation, chats_folder, create, open_latest, open_named
from ratatoskr.errors import ConfigurationError
from ratatoskr.types.message import Message, load_messages
from ratatoskr.types.part import TextPart, ToolCall, ToolResult
from unit.cli.in_process import run
from unit.cli.shell import Shell

if TYPE_CHECKING:
    from ratatoskr.testing.thread import ThreadedUpstream


NOWHERE = Addresses()


def turn(conversation: Conversation, question: str = "Hi", answer: str = "Ho", where: Addresses = NOWHERE) -> None:
    history = conversation.with_question(Message.user(question))
    conversation.remember(history, [Message.assistant(answer)], ["a:b"], where)


def test_a_conversation_comes_back_as_it_was() -> None:
    before = os.umask(0)
    try:
        turn(open_named("tree", save=True), "one")
    finally:
        os.umask(before)
    turn(open_named("tree", save=True), "two")
    again = open_named("tree", save=True)
    assert [message.text for message in again.messages] == ["one", "Ho", "two", "Ho"]
    assert again.models == ("a:b",)
    path = chats_folder() / "tree.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert chats_folder().stat().st_mode & 0o777 == chats_folder().parent.stat().st_mode & 0o777 == 0o700
    assert load_messages(path.read_text()) == again.messages


def test_the_last_conversation_is_the_one_that_was_written_last() -> None:
    for name in ("b", "c", "a"):
        turn(open_named(name, save=True), name)
    for seconds, name in enumerate(("c", "a", "b")):
        os.utime(chats_folder() / f"{name}.json", (1000 + seconds, 1000 + seconds))
    assert open_latest(save=True).name == "b"


def test_an_unsaved_conversation_is_not_written() -> None:
    turn(create(save=False))
    assert not chats_folder().exists()


def test_new_conversations_have_names_of_their_own() -> None:
    names = {create(save=True).name for _ in range(50)}
    assert len(names) > 45
    for name in names:
        assert sessions.conversation_path(name).parent == chats_folder()


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "-x", "a\0", "a\n", "a" * 101, "Ärger"])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="session name"):
        open_named(name, save=True)


def test_without_conversations_continuing_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="no conversation to continue"):
        open_latest(save=True)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 99, "messages": []}', '{"version": 1, "messages": [3]}'])
def test_a_malformed_conversation_file_is_named_and_not_changed(text: str) -> None:
    turn(open_named("tree", save=True))
    path = chats_folder() / "tree.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"tree\.json is not a conversation"):
        open_named("tree", save=True)
    assert path.read_text() == text


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = open_named("tree", save=True)
    turn(conversation)
    before = (chats_folder() / "tree.json").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match=r"not saved: .*No space left"):
        turn(conversation, "more")
    assert [path.name for path in chats_folder().iterdir()] == ["tree.json"]
    assert (chats_folder() / "tree.json").read_bytes() == before
    assert len(conversation.messages) == 4


def test_the_default_folder_is_in_the_home_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", "relative/path"):
        monkeypatch.setenv("XDG_STATE_HOME", value)
        assert chats_folder() == tmp_path / ".local" / "state" / "ratatoskr" / "chats"


def test_a_system_message_replaces_the_existing_one() -> None:
    conversation = Conversation("x", saved=False)
    conversation.set_system("Be kind.")
    turn(conversation)
    conversation.set_system("Be brief.")
    assert [message.text for message in conversation.messages] == ["Be brief.", "Hi", "Ho"]


def test_calls_that_were_not_run_get_error_results_before_the_next_question() -> None:
    conversation = Conversation("x", saved=False)
    answer = Message.assistant([TextPart("Let me see."), ToolCall("1", "f", "{}"), ToolCall("2", "g", "{}")])
    conversation.remember([Message.user("Hi")], [answer], ["a:b"], Addresses())
    history = conversation.with_question(Message.user("Well?"))
    results = [part for part in history[2].content if isinstance(part, ToolResult)]
    assert [(result.tool_call_id, result.is_error) for result in results] == [("1", True), ("2", True)]
    assert history[3].text == "Well?"


def test_the_model_is_saved_in_the_metadata() -> None:
    turn(open_named("tree", save=True))
    [_, answer] = json.loads((chats_folder() / "tree.json").read_text())["messages"]
    assert answer["metadata"] == {"models": ["a:b"]}


def test_the_addresses_of_the_last_call_are_remembered_and_those_of_a_new_call_come_first() -> None:
    turn(open_named("tree", save=True), where=Addresses(("a=http://h/v1", "b=http://i/v1"), allow_insecure=True))
    turn(open_named("tree", save=True))
    kept = open_named("tree", save=True).where
    assert kept == Addresses(("a=http://h/v1", "b=http://i/v1"), allow_insecure=True)
    given = Addresses(("b=https://new/v1",))
    assert given.over(kept) == Addresses(("b=https://new/v1", "a=http://h/v1"), allow_insecure=True)
    assert open_named("new", save=True).where == Addresses()


def test_a_conversation_with_a_host_of_ones_own_is_continued_there(upstream: ThreadedUpstream) -> None:
    address = upstream.base_url("compatible")
    assert run("chat", "-m", "mine:model", f"--base-url=mine={address}", "One.").exit_code == 0
    again = run("chat", "-c", "Two.")
    assert again.exit_code == 0, again.stderr
    assert [message["content"] for message in upstream.last.json["messages"]][::2] == ["One.", "Two."]


def test_conversations_are_saved_privately_and_continued(rat: Shell) -> None:
    assert rat.chat("My name is Nidhogg.").returncode == 0
    assert rat.chat("-c", "Who am I?").returncode == 0
    contents = [m["content"] for m in rat.upstream.last.json["messages"]]
    assert contents[0] == "My name is Nidhogg."
    assert contents[-1] == "Who am I?"
    folder = Path(rat.environment["XDG_STATE_HOME"]) / "ratatoskr" / "chats"
    kept = list(folder.glob("*.json"))
    assert kept
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in kept)
    assert rat.chat("--session", "tree", "One.").returncode == 0
    assert (folder / "tree.json").exists()
    before = {path.name for path in folder.iterdir()}
    assert rat.chat("--no-save", "Two.").returncode == 0
    assert {path.name for path in folder.iterdir()} == before


def test_turns_that_another_process_saved_are_kept() -> None:
    first, second = open_named("tree", save=True), open_named("tree", save=True)
    turn(first, "one")
    turn(second, "two")
    turn(first, "three")
    again = open_named("tree", save=True)
    assert [message.text for message in again.messages] == ["one", "Ho", "two", "Ho", "three", "Ho"]
    assert first.messages == again.messages


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_can_change_is_refused(mode: int) -> None:
    turn(open_named("tree", save=True))
    conversation = open_named("tree", save=True)
    chats_folder().chmod(mode)
    with pytest.raises(ConfigurationError, match=r"not saved: .* can be changed by others"):
        turn(conversation, "two")
    with pytest.raises(ConfigurationError, match="can be changed by others"):  # what is there may be another's
        open_named("tree", save=True)
    chats_folder().chmod(0o700)
    assert len(open_named("tree", save=True).messages) == 2
