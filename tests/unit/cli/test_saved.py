"""`rat sessions`: list, show, export, rm."""

from __future__ import annotations

import json
import os

import pytest

from ratatoskr import ImagePart, Message, TextPart, ToolCall, load_messages
from ratatoskr.cli.options import Addresses
from ratatoskr.cli.sessions import Conversation, chats_folder, conversation_path
from unit.cli.in_process import run


@pytest.fixture(autouse=True)
def _conversations() -> None:
    for number, (name, question) in enumerate({"tree": "How high?", "squirrel": "Who runs?\nAnd why?"}.items()):
        conversation = Conversation(name)
        answer = Message.assistant([TextPart("So high."), ToolCall("1", "measure", '{"unit": "m"}')])
        history = [Message.user([question, ImagePart.from_bytes(b"x", "image/png")])]
        conversation.remember(history, [answer], ["openai:gpt-4.1"], Addresses())
        os.utime(conversation_path(name), (1e9 + number, 1e9 + number))


def test_the_conversations_are_listed_the_last_one_first() -> None:
    result = run("sessions", "list")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first.split()[0] == "squirrel"
    assert first.endswith("1  openai:gpt-4.1  Who runs? And why?")
    assert second.split()[0] == "tree"
    rows = json.loads(run("sessions", "list", "--json").stdout)
    assert [(row["name"], row["questions"], row["model"]) for row in rows] == [
        ("squirrel", 1, "openai:gpt-4.1"),
        ("tree", 1, "openai:gpt-4.1"),
    ]


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_listed() -> None:
    (chats_folder() / "broken.json").write_text("{")
    result = run("sessions", "list")
    assert len(result.stdout.splitlines()) == 2
    assert "broken.json is not a conversation" in result.stderr


def test_a_conversation_is_shown_and_exported() -> None:
    shown = run("sessions", "show", "tree").stdout
    assert shown == 'user\nHow high?\n[image_part]\n\nassistant\nSo high.\nmeasure({"unit": "m"})\n\n'
    exported = load_messages(run("sessions", "export", "tree").stdout)
    assert [message.role for message in exported] == ["user", "assistant"]


def test_conversations_are_removed_by_name() -> None:
    assert run("sessions", "rm", "tree", "squirrel").exit_code == 0
    result = run("sessions", "list")
    assert (result.stdout, result.stderr) == ("", "there are no saved conversations\n")


@pytest.mark.parametrize("command", ["show", "export", "rm"])
def test_a_name_that_does_not_exist_or_leads_elsewhere_is_an_error(command: str) -> None:
    missing = run("sessions", command, "nobody")
    assert missing.exit_code == 2
    assert "there is no conversation 'nobody'; `rat sessions list` lists them" in missing.stderr
    elsewhere = run("sessions", command, "../x")
    assert elsewhere.exit_code == 2
    assert "a session name is" in elsewhere.stderr


def test_a_conversation_is_found_by_its_text_and_the_last_one_is_shown() -> None:
    found = run("sessions", "list", "-q", "WHO runs").stdout
    assert [line.split()[0] for line in found.splitlines()] == ["squirrel"]
    assert "there are no saved conversations with 'oak'" in run("sessions", "list", "-q", "oak").stderr
    assert run("sessions", "show").stdout == run("sessions", "show", "squirrel").stdout
    assert run("sessions", "export").stdout == run("sessions", "export", "squirrel").stdout
