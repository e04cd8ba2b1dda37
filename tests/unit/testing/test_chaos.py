"""Script files: what they may say, what is wrong with them, and serving one."""

from __future__ import annotations

import asyncio
import json
import ssl

import httpx
import pytest
import trustme

from ratatoskr.errors import ConfigurationError
from ratatoskr.testing import Fault, ScriptedToolCall, ScriptedTurn, TokenCounts, load_script, serve
from unit.testing.wires import WIRES

SCRIPT = """
require_key = "secret"
models = { openai = ["one"] }

[[step]]
fault = "rate_limited_seconds"
times = 2

[[step]]
fault = "cut_reset"
at = 100
turn = { text = "spoiled" }

[[step]]
provider = "anthropic"
text = ["Hel", "lo"]
reasoning = "They greet me."
tool_calls = [{ name = "weather", arguments = { city = "Paris" } }]
usage = { input = 3, output = 4 }

[random]
rate = 1.0
faults = ["overloaded"]
"""


@pytest.fixture
def script_file(tmp_path):
    def write(text, name="script.toml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_a_script_is_read(script_file):
    script = load_script(script_file(SCRIPT))
    first, second, _ = script.steps[""]
    assert isinstance(first, Fault)
    assert (first.name, first.times) == ("rate_limited_seconds", 2)
    assert (second.options["at"], second.turn) == (100, ScriptedTurn("spoiled"))
    assert script.steps["anthropic"][0] == ScriptedTurn(
        ["Hel", "lo"],
        reasoning="They greet me.",
        tool_calls=[ScriptedToolCall("weather", {"city": "Paris"})],
        usage=TokenCounts(3, 4),
    )
    assert script.options == {"require_key": "secret", "models": {"openai": ["one"]}}


def test_json_says_the_same(script_file):
    value = {"step": [{"fault": "overloaded", "times": 0}, {"text": "Hello"}]}
    script = load_script(script_file(json.dumps(value), "script.json"))
    assert [getattr(step, "times", step) for step in script.steps[""]] == [None, ScriptedTurn("Hello")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[step", "script.toml: "),
        ("steps = []", "unknown keys: \\['steps'\\]"),
        ('[[step]]\ntext = "a"\n[[step]]\nfault = "no_such"', "step 2: unknown fault 'no_such'"),
        ('[[step]]\ntxet = "a"', "step 1: unknown keys: txet"),
        ('[[step]]\nfault = "cut_reset"\nwhere = 3', "cut_reset has no option 'where'"),
        ('[[step]]\nprovider = "opnai"', "unknown provider 'opnai'"),
        ('[[step]]\ntool_calls = [{ nmae = "x" }]', "step 1: .*nmae"),
        ('[random]\nfaults = ["refuse"]', "refuse concerns the listening socket"),
        ("[random]\nrate = 2\nfaults = []", "between 0 and 1"),
        ('[tls]\nbad = "x.pem"', "unknown context 'bad'; known contexts: good, expired"),
        ('[tls]\ngood = "none.pem"', "tls.good: none.pem: No such file"),
        ('[tls]\ngood = "script.toml"', "tls.good: script.toml: "),
        ('[tls]\ngood = { key = "x.pem" }', "tls.good must be a path or"),
        ('tls = "x.pem"', "tls must be a table, not 'x.pem'"),
        ('models = ["a"]', "models must be a table"),
        ("[[step]]\nfault = 3", "step 1: fault must be a name, not 3"),
        ("[random]\nfaults = [3]", "faults must be names"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, told, script_file):
    with pytest.raises(ConfigurationError, match=told):
        load_script(script_file(text))


def test_a_pit_of_brackets_is_told(script_file):
    with pytest.raises(ConfigurationError, match=r"script\.json: "):
        load_script(script_file("[" * 100_000, "script.json"))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match="No such file"):
        load_script(tmp_path / "nowhere.toml")


async def test_a_script_is_served_until_cancelled(script_file, client):
    script = load_script(script_file(SCRIPT))
    listening = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(script, ready=listening.set_result))
    upstream = await listening
    headers = {"authorization": "Bearer secret", "anthropic-version": "2023-06-01"}

    async def ask(name):
        wire = WIRES[name]
        return await client.post(wire.address(upstream), json=wire.body(), headers=headers)

    assert [(await ask("chat")).status_code for _ in range(2)] == [429, 429]
    assert (await ask("anthropic")).json()["content"][1]["text"] == "Hello"
    assert [(await ask("anthropic")).status_code for _ in range(3)] == [529] * 3
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert upstream.open_connections == 0


async def test_certificates_stand_beside_the_script(script_file, tmp_path):
    authority = trustme.CA()
    good = authority.issue_cert("127.0.0.1")
    good.private_key_and_cert_chain_pem.write_to_path(tmp_path / "good.pem")
    good.cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
    good.private_key_pem.write_to_path(tmp_path / "key.pem")
    lines = '[tls]\ngood = "good.pem"\nold_version = { cert = "chain.pem", key = "key.pem" }\n'
    script = load_script(script_file(lines + '[[step]]\nfault = "tls_old_version"\n[[step]]\ntext = "Hello"'))
    listening = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(script, ready=listening.set_result))
    upstream = await listening
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with httpx.AsyncClient(timeout=60, trust_env=False, verify=trusting) as client:
        address = WIRES["chat"].address(upstream)
        assert address.startswith("https://")
        with pytest.raises(httpx.ConnectError, match=r"(?i)protocol.version"):
            await client.post(address, json=WIRES["chat"].body())
        await upstream.use("Hello")
        assert (await client.post(address, json=WIRES["chat"].body())).status_code == 200
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
