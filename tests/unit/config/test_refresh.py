"""Refreshing the table of models: what is wrong leaves the table in force whole."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from decimal import localcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ratatoskr import Ratatoskr
from ratatoskr.config import refresh
from ratatoskr.config.catalogue import Refreshed, read_embedded, refreshed_path
from ratatoskr.config.refresh import install, previous_path, read_source, roll_back
from ratatoskr.config.refresh_formats import parse_tables
from ratatoskr.errors import ConfigurationError
from ratatoskr.models.entry import ProviderTable
from ratatoskr.types.metadata import RefreshReport

pytestmark = pytest.mark.filterwarnings("error")

ROW = {
    "id": "some/model",
    "pricing": {"prompt": "0.000002", "completion": "0.00001", "input_cache_read": "0.0000002", "request": "0"},
    "context_length": 200_000,
    "top_provider": {"max_completion_tokens": 32_000},
    "architecture": {"input_modalities": ["text", "image", "file"], "output_modalities": ["text"]},
    "supported_parameters": ["tools", "reasoning", "temperature"],
}


def openrouter(*rows: Any, **row: Any) -> bytes:
    return json.dumps({"data": [*rows, *([{**ROW, **row}] if row else [])]}).encode()


def own(change: Callable[[dict[str, Any]], None] = lambda _: None) -> bytes:
    """Return the embedded table of Anthropic's models, changed."""
    table = read_embedded("anthropic")
    assert table is not None
    models = json.loads(msgspec.json.encode(table.models))
    value: dict[str, Any] = {"provider": table.provider, "date": "2026-11-27", "models": models}
    change(value)
    return json.dumps(value).encode()


def run(data: bytes, **options: Any) -> RefreshReport:
    return asyncio.run(install(data, "a test", **options))


def test_the_rows_of_openrouter_are_read() -> None:
    (table,), skipped = parse_tables(openrouter(ROW), date(2026, 11, 28), "a test")
    (entry,) = table.models
    assert (table.provider, entry.id) == ("openrouter", "some/model")
    assert entry.prices is not None
    assert (entry.prices.input, entry.prices.output, entry.prices.cache_read) == ("2", "10", "0.2")
    assert (entry.context_window, entry.max_output_tokens) == (200_000, 32_000)
    assert (entry.input, entry.output) == (("text", "image", "pdf"), ("text",))
    assert entry.features == ("tools", "reasoning")
    assert not skipped


def test_the_rows_of_genai_prices_are_read() -> None:
    data = [
        {
            "id": "x-ai",
            "models": [
                {
                    "id": "grok-x",
                    "match": {"or": [{"equals": "Grok-X-Latest"}, {"starts_with": "grok-x-"}]},
                    "context_window": 1000,
                    "prices": [
                        {"prices": {"input_mtok": 2, "output_mtok": 10.5}},
                        {
                            "constraint": {"type": "start_date", "start_date": "2026-10-01"},
                            "prices": {"input_mtok": {"base": 1, "tiers": [{"start": 200000, "price": 2}]}},
                        },
                    ],
                },
                {"id": "grok-y", "prices": {"parsecs": 2}},
            ],
        },
        {"id": "unheard-of", "models": []},
    ]
    (table,), skipped = parse_tables(json.dumps(data).encode(), date(2026, 11, 28), "a test")
    (entry,) = table.models
    assert table.provider == "xai"
    assert entry.names == ("grok-x-latest",)
    assert entry.prices is not None
    assert (entry.prices.input, entry.prices.output) == ("2", "10.5")
    (change,) = entry.prices.changes
    assert change.since == date(2026, 10, 1)
    assert msgspec.to_builtins(change.input) == {"base": "1", "above": ((200000, "2"),)}
    assert skipped == {"an unknown unit: parsecs": 1}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"pricing": {"prompt": "1", "hyperdrive": "1"}}, "an unknown unit: hyperdrive"),
        ({"architecture": {"input_modalities": ["smell"]}}, "an unknown word: smell"),
        ({"pricing": {"prompt": "much"}}, "a rate that is not a number"),
        ({"pricing": {"prompt": "NaN"}}, "a rate that is not a number"),
        ({"pricing": {"prompt": True}}, "a rate that is not a number"),
        ({"pricing": {"prompt": "1e999999999"}}, "a rate out of range"),
        ({"pricing": {"prompt": "1e-999999999"}}, "a rate out of range"),
        ({"pricing": {"prompt": "1e99999999999999999999"}}, "a rate that is not a number"),
        ({"context_length": "long"}, "a row of another form (ValidationError)"),
        ({"pricing": {"prompt": "1" + "0" * 40}}, "a row of another form (ValidationError)"),
    ],
)
def test_a_row_that_cannot_be_read_is_counted_and_the_others_stay(row: dict[str, Any], reason: str) -> None:
    (table,), skipped = parse_tables(openrouter(ROW, {**ROW, "id": "odd", **row}), date(2026, 11, 28), "a test")
    assert [entry.id for entry in table.models] == ["some/model"]
    assert skipped == {reason: 1}
    (table,), skipped = parse_tables(openrouter(ROW, 5, None, [], {}), date(2026, 11, 28), "a test")
    assert sum(skipped.values()) == 4


def test_a_row_without_a_price_stays_with_its_price_unknown() -> None:
    day = date(2026, 11, 28)
    genai = [{"id": "openrouter", "models": [{"id": "some/model:free", "prices": {}}, {"id": "b", "prices": None}]}]
    mine = {"provider": "openai", "models": [{"id": "a", "prices": {}}, {"id": "b", "prices": None}, {"id": "c"}]}
    for data in (genai, mine, {"data": [{**ROW, "pricing": {}}, {**ROW, "id": "b", "pricing": None}]}):
        (table,), skipped = parse_tables(json.dumps(data).encode(), day, "a test")
        assert table.models
        assert [entry.prices for entry in table.models] == [None] * len(table.models)
        assert not skipped


@pytest.mark.parametrize("number", ["1e99999999999999999999", "1e-99999999999999999999", "1e400", "-1e999999999"])
def test_numbers_beyond_any_decimal_leave_their_row_out_alone(number: str) -> None:
    odd = f'{{"data": [{json.dumps(ROW)}, {{"id": "odd", "pricing": {{"prompt": {number}}}}}]}}'
    (table,), skipped = parse_tables(odd.encode(), date(2026, 11, 28), "a test")
    assert [entry.id for entry in table.models] == ["some/model"]
    assert sum(skipped.values()) == 1


def test_rates_are_exact_whatever_precision_the_caller_has_set() -> None:
    row = {**ROW, "pricing": {"prompt": "0.0000012345678", "completion": "0E-30"}}
    with localcontext(prec=3):
        (table,), _ = parse_tables(openrouter(row), date(2026, 11, 28), "a test")
    prices = table.models[0].prices
    assert prices is not None
    assert (prices.input, prices.output) == ("1.2345678", "0")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<!doctype html><html><body>Bad gateway</body></html>",
        openrouter(ROW)[:-30],
        b"{}",
        b"[]",
        b"null",
        b"17",
        b'{"models": []}',
        b'{"data": []}',
        b'{"data": [{"nothing": 1}]}',
        b'[{"id": "x", "prices": 1}]',
        b'{"data": [' * 4_000,
        b'{"data": NaN}',
        b"\xff\xfe\x00",
        json.dumps({"provider": "anthropic", "models": []}).encode(),
        json.dumps({"sample_spec": {"input_cost_per_token": 0.1}}).encode(),
    ],
    ids=range(16),
)
def test_what_is_no_table_is_refused_and_the_one_in_force_stays(empty_environment: Path, data: bytes) -> None:
    """BerriAI/litellm#20605, too."""
    run(own())
    before = refreshed_path().read_bytes()
    for options in ({}, {"accept": True}):
        with pytest.raises(ConfigurationError) as caught:
            run(data, **options)
        assert caught.value.message.startswith("a test ")
    assert refreshed_path().read_bytes() == before


def test_models_that_vanish_and_prices_that_move_are_refused_until_they_are_accepted(empty_environment: Path) -> None:
    def drop(value: dict[str, Any]) -> None:
        value["models"] = value["models"][4:]

    def dear(value: dict[str, Any]) -> None:
        next(one for one in value["models"] if one["id"] == "claude-opus-5-5")["prices"]["input"] = "20"

    def cheap(value: dict[str, Any]) -> None:
        next(one for one in value["models"] if one["id"] == "claude-opus-5-5")["prices"]["output"] = "0"

    for change, words in ((drop, "would vanish"), (dear, "input 4 → 20"), (cheap, "output 20 → 0")):
        with pytest.raises(ConfigurationError, match=words) as caught:
            run(own(change))
        assert caught.value.field == "accept"
        assert not refreshed_path().exists()
        assert run(own(change), dry_run=True).source == "a test"
        assert not refreshed_path().exists()
    report = run(own(dear), accept=True)
    assert report.changed == ("anthropic:claude-opus-5-5: input 4 → 20",)
    assert refreshed_path().exists()


def test_small_changes_are_told_and_taken(empty_environment: Path) -> None:
    def change(value: dict[str, Any]) -> None:
        one = next(one for one in value["models"] if one["id"] == "claude-opus-5-5")
        one["prices"]["input"] = "5"
        one["max_output_tokens"] = 200_000
        value["models"] = [{"id": "claude-opus-6", "context_window": 5}, *value["models"][1:]]

    report = run(own(change))
    assert report.added == ("anthropic:claude-opus-6",)
    assert report.removed == ("anthropic:claude-2",)
    assert report.changed == (
        "anthropic:claude-opus-5-5: input 4 → 5",
        "anthropic:claude-opus-5-5: max_output_tokens 128,000 → 200,000",
    )
    assert stat.S_IMODE(refreshed_path().stat().st_mode) == 0o600
    with Ratatoskr.builder().anthropic("k").build().sync() as gateway:
        assert gateway.model_metadata("claude-opus-5-5").max_output_tokens == 200_000
        assert gateway.model_metadata("anthropic:claude-opus-6").info.context_window == 5


def test_the_digest_is_compared(empty_environment: Path) -> None:
    data = own()
    run(data, sha256=hashlib.sha256(data).hexdigest().upper())
    with pytest.raises(ConfigurationError, match="has the SHA-256") as caught:
        run(data, sha256="0" * 64)
    assert caught.value.field == "sha256"


def test_a_refresh_is_undone(empty_environment: Path) -> None:
    with pytest.raises(ConfigurationError, match="no refresh to undo"):
        roll_back()
    run(own())
    first = refreshed_path().read_bytes()
    run(openrouter(ROW), accept=True)
    assert {table.provider for table in msgspec.json.decode(refreshed_path().read_bytes(), type=Refreshed).tables} == {
        "anthropic",
        "openrouter",
    }, "a table of one provider leaves those of others"
    assert roll_back() > 20
    assert refreshed_path().read_bytes() == first
    with pytest.raises(ConfigurationError, match="no refresh to undo"):
        roll_back()


def test_rolling_back_the_first_refresh_leaves_the_embedded_tables(empty_environment: Path) -> None:
    run(openrouter(ROW), accept=True)
    assert roll_back() == 0
    with Ratatoskr.builder().openai("k").build().sync() as gateway:
        assert gateway.model_metadata("openrouter:openai/gpt-oss-120b:free").price == {"input": "0", "output": "0"}


def test_a_gateway_uses_what_it_has_refreshed(empty_environment: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    table.write_bytes(openrouter({**ROW, "id": "brand/new"}))
    with Ratatoskr.builder().openai("k").build().sync() as gateway:
        assert gateway.model_metadata("openrouter:brand/new").status == "unknown"
        with pytest.raises(ConfigurationError, match="would vanish"):
            gateway.refresh_models(str(table))
        report = gateway.refresh_models(str(table), accept=True)
        assert report.added == ("openrouter:brand/new",)
        found = gateway.model_metadata("openrouter:brand/new")
        assert (found.status, found.max_input_tokens, found.sources) == ("active", 200_000, (str(table),))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "source must be a URL or the path of a file"),
        (5, "source must be a URL or the path of a file"),
        ("/no/such/file.json", "cannot be read"),
        ("a\0b", "is not the path of a file"),
        ("http://example.org/table.json", "over https only"),
        ("ftp://example.org/table.json", "over https only"),
    ],
)
def test_a_wrong_source_is_refused(source: Any, words: str) -> None:
    with Ratatoskr.builder().openai("k").build().sync() as gateway, pytest.raises(ConfigurationError, match=words):
        gateway.refresh_models(source)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(16 * 1024 * 1024 + 1)
    with Ratatoskr.builder().openai("k").build().sync() as gateway, pytest.raises(ConfigurationError, match="16 MiB"):
        gateway.refresh_models(str(huge))


KILLED = """
import asyncio, sys
from ratatoskr.config.refresh import install
tables = [open(name, "rb").read() for name in sys.argv[1:]]
for turn in range(10_000):
    asyncio.run(install(tables[turn % 2], "a test", accept=True))
    if turn == 1:
        print("ready", flush=True)
"""


def test_killed_at_any_moment_the_table_in_force_is_whole(empty_environment: Path, tmp_path: Path) -> None:
    """Killed without warning at fifty moments while tables are replaced: what is there is one of the two, whole."""

    def change(value: dict[str, Any]) -> None:
        value["models"] = value["models"][:-2]

    names = [tmp_path / "a.json", tmp_path / "b.json"]
    for name, data in zip(names, (own(), own(change)), strict=True):
        name.write_bytes(data)
    sizes = set()
    lengths = {len(json.loads(name.read_bytes())["models"]) for name in names}
    for moment in range(50):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, *map(str, names)], env=dict(os.environ), stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(0.0013 * moment)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        for path in (refreshed_path(), previous_path()):
            tables = msgspec.json.decode(path.read_bytes(), type=Refreshed).tables
            assert path != refreshed_path() or {len(table.models) for table in tables} <= lengths
            sizes |= {len(table.models) for table in tables}
    assert sizes == lengths
    assert roll_back() in lengths | {0}


def test_the_limits_are_those_that_are_documented() -> None:
    assert (refresh.VANISH, refresh.MOVE, refresh.MAX_BYTES) == (10, 5, 16 * 1024 * 1024)
    assert ProviderTable.__struct_config__.forbid_unknown_fields


def test_what_is_no_regular_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, words in (
        (str(tmp_path / "pipe"), "not a regular file"),
        ("/dev/zero", "not a regular file"),
        (str(tmp_path), "irectory"),
        (str(tmp_path / "none"), "No such file"),
        ("a\x00b", "not the path of a file"),
    ):
        with pytest.raises(ConfigurationError, match=words) as caught:
            read_source(name)
        assert caught.value.field == "source"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        *(({"sha256": digest}, "sha256") for digest in ("", "zz", "0" * 63, "0" * 65, "sha256:" + "0" * 64, 5, b"0")),
        ({"accept": "no"}, "accept"),
        ({"accept": 1}, "accept"),
        ({"dry_run": None}, "dry_run"),
    ],
)
async def test_wrong_arguments_are_found_before_anything_is_read(given: dict[str, Any], field: str) -> None:
    async with Ratatoskr.builder().openai("k").build() as gateway:
        with pytest.raises(ConfigurationError, match=field) as caught:
            await gateway.refresh_models("/no/such/table", **given)
        assert caught.value.field == field
