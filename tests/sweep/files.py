"""Loaders of files of a user's: sessions, checkpoints, secrets, settings, tools, schemas, scripts, recordings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ratatoskr import Ratatoskr, dump_messages
from ratatoskr.cli.inputs import load_parts, load_schema, load_tools
from ratatoskr.cli.sessions import chats_folder, open_latest, open_named, private_folder
from ratatoskr.cli.short_schema import parse_short_schema
from ratatoskr.config.apply import apply_config
from ratatoskr.config.file import read_config
from ratatoskr.config.secrets import read_secrets
from ratatoskr.config.toml_text import find_line, remove_value, set_value
from ratatoskr.jobs import EmbedJob
from ratatoskr.jobs.checkpoint import JobDirectory, job_identity
from ratatoskr.jobs.windows import ScanResult
from ratatoskr.testing import Replay
from ratatoskr.testing.chaos import load_script
from ratatoskr.testing.connection import Received
from ratatoskr.testing.replay import load_recordings
from sweep.loader import Loader, Seed
from sweep.mutator import as_toml
from sweep.plain_data import HISTORY, TOOL

SECRETS = {"providers": {"anthropic": {"key": "sk-1"}, "openai": {"key": ["sk-2", "sk-3"]}}}
CONFIG = {
    "defaults": {"model": ["fast", "openai:gpt-4.1"], "embed_model": "AllMiniLmL6V2"},
    "aliases": {"fast": "openai:gpt-4.1", "both": ["fast", "anthropic:claude-sonnet-5"]},
    "templates": {"sum": {"prompt": "Sum up: $input", "system": "Be brief.", "model": "fast"}},
    "providers": {"house": {"base_url": "https://house.example/v1", "headers": {"x-team": "a"}}},
    "network": {"proxy": "http://127.0.0.1:3128"},
}
SCHEMA = {
    "title": "Answer",
    "type": "object",
    "properties": {
        "a": {"type": ["string", "null"], "enum": ["x", None]},
        "b": {"$ref": "#/$defs/B"},
        "c": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "number", "const": 1.5}]},
        "d": {"type": "array", "items": {"type": "string", "format": "date"}, "minItems": 1},
    },
    "required": ["a"],
    "additionalProperties": False,
    "$defs": {"B": {"type": "object", "properties": {"b": {"$ref": "#/$defs/B"}}}},
}
TOOL_FILES = [
    [TOOL.to_dict(), {"type": "provider_tool", "provider": "openai", "definition": {"type": "web_search"}}],
    [{"type": "function", "function": {"name": "g", "description": "d", "parameters": SCHEMA, "strict": True}}],
    [{"name": "h", "description": "d", "input_schema": SCHEMA}],
]
SCRIPT = {
    "require_key": False,
    "models": {"openai": ["gpt-4.1"]},
    "step": [
        {"fault": "rate_limited_seconds", "times": 2},
        {"fault": "status_418", "message": "m", "turn": {"text": "t"}},
        {
            "provider": "anthropic",
            "text": "Hello",
            "reasoning": "They greet me.",
            "tool_calls": [{"name": "weather", "arguments": {"city": "Paris"}}],
            "usage": {"input": 1, "output": 2},
            "headers": {"a": "b"},
            "pace": 0.5,
        },
    ],
    "random": {"rate": 0.1, "seed": 7, "faults": ["overloaded", "cut_reset"]},
    "tls": {"good": "server.pem"},
}
RECORDINGS = [
    {
        "id": "a",
        "provider": "anthropic",
        "tags": ["stream"],
        "request": {"method": "POST", "host": "h", "url_path_and_query": "/v1/messages", "headers": {}, "body": {}},
        "response": {"status": 200, "headers": {"x": "y"}, "framing": "sse", "body_text": "event: a\ndata: {}\n\n"},
    },
    {"id": "b", "provider": "openai", "tags": [], "response": {"status": 200, "headers": {}, "body": {"a": 1}}},
    {"id": "c", "provider": "openai", "response": {"payloads": [{"type": "a"}, "[DONE]"]}},
]
RECEIVED = Received("POST", "/v1/chat/completions", {}, b"{}", 1)


def _written(path: Path, read: Callable[[Path], Any]) -> Callable[[bytes, Any], None]:
    """Return a loader that writes its input to a file first."""

    def load(data: bytes, _: Any) -> None:
        path.write_bytes(data)
        path.chmod(0o600)
        read(path)

    return load


def _read_sessions(path: Path) -> None:
    conversation = open_named(path.stem, save=False)
    repr(conversation.models)
    repr(conversation.where)
    dump_messages(open_latest(save=False).messages)


def _read_config(path: Path) -> None:
    config = read_config(path)
    apply_config(Ratatoskr.builder(), config, ["openai"])


def _replay(path: Path) -> None:
    for recording in load_recordings(path.parent, provider=None, tags=["stream"]):
        repr(recording.get("id"))
    recordings = load_recordings(path.parent)
    replay = Replay(recordings, seed=1, cuts=3, at=-1)
    for _ in recordings:
        replay(RECEIVED)


def _change_toml(data: bytes, _: Any) -> None:
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    find_line(text, ("providers", "anthropic", "key"))
    remove_value(set_value(text, ("providers", "anthropic", "key"), "sk-9"), ("providers", "openai", "key"))
    set_value(text, ("defaults", "model"), ["a", "b"])


def _replay_object(value: Any, _: Any) -> None:
    if isinstance(value, Mapping):
        Replay([value], cuts=2)(RECEIVED)


def _checkpoint(folder: Path) -> Iterator[Loader]:
    source = folder / "in.csv"
    source.write_text("text\na\nb\n")
    job = EmbedJob(source, folder / "out.npy", "m")
    identity = job_identity(job)
    place = folder / "out.npy.job"
    place.mkdir(mode=0o700)
    (place / "part-0000000.f4").write_bytes(bytes(8))
    directory = JobDirectory(job, place, identity)
    directory.record(parts=1, size=8, rows=2, model="m", dimensions=1, scan=ScanResult(2, 0, None), joined=(1, 2))
    written = json.loads((place / "checkpoint.json").read_bytes())

    def read(_: Path) -> None:
        directory = JobDirectory(job, place, identity)
        directory.load()
        directory.is_empty()
        directory.is_joined()
        directory.check_parts("f4")
        directory.record(rows=directory.checkpoint.rows + 1)

    yield Loader("checkpoints of jobs", "json", [Seed(written)], _written(place / "checkpoint.json", read))


def loaders(folder: Path) -> Iterator[Loader]:
    """Yield the loaders of files; the files are written below a folder."""
    private_folder()
    history = json.loads(dump_messages(HISTORY))
    history["messages"][-2]["metadata"] = {"models": ["a:b"], "base_urls": ["https://h"], "allow_insecure": True}
    yield Loader("session files", "json", [Seed(history)], _written(chats_folder() / "one.json", _read_sessions))
    yield from _checkpoint(folder)
    yield Loader("secrets.toml", "toml", [Seed(SECRETS)], _written(folder / "secrets.toml", read_secrets))
    yield Loader("config.toml", "toml", [Seed(CONFIG)], _written(folder / "config.toml", _read_config))
    text = b'# keys\n[providers.anthropic]\nkey = "sk-1"\n\n[providers.openai]\nkey = ["a", "b"]\n'
    yield Loader("changes of TOML text", "bytes", [Seed(text), Seed(as_toml(CONFIG))], _change_toml)
    yield Loader("Replay", "object", [Seed(one) for one in RECORDINGS], _replay_object)
    tools = [Seed(tools) for tools in TOOL_FILES]
    yield Loader("files of tools", "json", tools, _written(folder / "tools.json", lambda path: load_tools(str(path))))
    schemas = _written(folder / "schema.json", lambda path: load_schema(str(path)))
    yield Loader("files of a schema", "json", [Seed(SCHEMA)], schemas)
    short = [Seed(b"name, legs int, tags [str]: what it is, ok? bool"), Seed(b"a\nb float\n")]
    yield Loader("short schemas", "bytes", short, lambda data, _: parse_short_schema(data.decode("utf-8", "replace")))
    attached = [Seed(b"\x89PNG\r\n data"), Seed(b"text of a file\n"), Seed(b"%PDF-1.7")]
    yield Loader("attached files", "bytes", attached, _written(folder / "file", lambda path: load_parts([str(path)])))
    script = _written(folder / "script.toml", load_script)
    yield Loader(
        "scripts of rat chaos, TOML",
        "toml",
        [Seed({k: v for k, v in SCRIPT.items() if k != "tls"}), Seed(SCRIPT)],
        script,
    )
    script = _written(folder / "script.json", load_script)
    yield Loader("scripts of rat chaos, JSON", "json", [Seed({k: v for k, v in SCRIPT.items() if k != "tls"})], script)
    recordings = folder / "recordings"
    recordings.mkdir()
    yield Loader("recordings", "json", [Seed(one) for one in RECORDINGS], _written(recordings / "one.json", _replay))
