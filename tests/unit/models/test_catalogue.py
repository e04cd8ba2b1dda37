"""The layers of the catalogue: embedded, refreshed, the user's file, the builder."""

from __future__ import annotations

import subprocess
import sys
import time
import zlib
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

import ratatoskr.models
from ratatoskr.config.catalogue import CatalogueFiles, Refreshed, read_embedded, refreshed_path
from ratatoskr.errors import ConfigurationError
from ratatoskr.models.catalogue import Catalogue, ModelChange, make_change
from ratatoskr.models.entry import ModelEntry, ProviderTable
from ratatoskr.models.price import Price

DATA = Path(str(ratatoskr.models.__file__)).with_name("data")
SOL = ("openai", "gpt-6-sol")


def models_toml(home: Path, text: str) -> None:
    path = home / ".config" / "ratatoskr" / "models.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def refreshed(*entries: ModelEntry, provider: str = "openai") -> None:
    path = refreshed_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    table = ProviderTable(provider=provider, date=date(2026, 11, 27), sources={"r": "a test"}, models=entries)
    path.write_bytes(msgspec.json.encode(Refreshed(tables=(table,))))


def find(model: str = "gpt-6-sol", **own: Any) -> ModelEntry:
    changes = {SOL: make_change(**own)} if own else {}
    found = Catalogue(CatalogueFiles(changes)).find("openai", model)
    assert found is not None
    return found


def test_each_layer_comes_before_the_one_below(empty_environment: Path) -> None:
    assert find().prices == find("openai/gpt-6-sol").prices
    assert find().context_window == 1_050_000
    refreshed(ModelEntry(id="gpt-6-sol", prices=Price(input="3", output="12"), sources=("r",)))
    assert find().prices == Price(input="3", output="12")
    assert find().context_window == 1_050_000, "what the refreshed table does not know is that of the one below"
    models_toml(empty_environment, '[models."openai:gpt-6-sol"]\nprice = { input = "0", output = "0" }\n')
    assert find().prices == Price(input="0", output="0"), "zero is a price"
    assert find(price=Price(input="9", output="9")).prices == Price(input="9", output="9")
    assert find().prices == Price(input="0", output="0"), "of that builder alone"
    assert find(context_window=7).context_window == 7


def test_a_price_replaces_the_whole_price_and_a_multiplier_scales_what_is_in_force(empty_environment: Path) -> None:
    assert find(price=Price(input="1", output="2")).prices == Price(input="1", output="2"), "no cache rates of before"
    half = find(multiplier="0.5").prices
    assert half is not None
    assert half.multiplier == "0.5"
    assert half.input == find().prices.input  # type: ignore[union-attr]
    models_toml(empty_environment, '[models."openai:gpt-6-sol"]\nmultiplier = "0.85"\n')
    assert find(multiplier="0.5").prices.multiplier == "0.425"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (1.5, "must be decimal text such as '2.50', not a number"),
        (2, "must be decimal text such as '2.50', not a number"),
        (True, "must be decimal text such as '2.50', not a number"),
        ("-1", "must be decimal text that is not negative"),
        ("nan", "must be decimal text that is not negative"),
        ("1,5", "must be decimal text that is not negative"),
    ],
)
def test_a_rate_that_is_no_decimal_is_refused_in_words(rate: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^price.output {message}") as caught:
        make_change(price=Price(input="1", output=rate))
    assert caught.value.field == "price.output"


def test_a_refresh_leaves_what_the_user_has_set(empty_environment: Path) -> None:
    """BerriAI/litellm#30091."""
    models_toml(empty_environment, '[models."openai:gpt-6-sol"]\nprice = { input = "1", output = "2" }\n')
    catalogue = Catalogue(CatalogueFiles())
    assert catalogue.find(*SOL).prices == Price(input="1", output="2")  # type: ignore[union-attr]
    refreshed(ModelEntry(id="gpt-6-sol", prices=Price(input="3", output="12")))
    catalogue.forget()
    assert catalogue.find(*SOL).prices == Price(input="1", output="2")  # type: ignore[union-attr]
    other = catalogue.find("openai", "gpt-6-luna")
    assert other is not None
    assert other.prices == find("gpt-6-luna").prices, "a change of one model changes no other"


def test_a_model_that_no_table_has_can_be_described(empty_environment: Path) -> None:
    models_toml(
        empty_environment,
        '[models."my-host:own-1"]\ncontext_window = 4096\nretires = 2027-01-31\nprice = { input = "0", output = "0" }',
    )
    catalogue = Catalogue(CatalogueFiles())
    entry = catalogue.find("my-host", "own-1")
    assert entry is not None
    assert (entry.context_window, entry.retires) == (4096, date(2027, 1, 31))
    assert catalogue.find("my-host", "own-2") is None
    assert [one.id for one in catalogue.models("my-host")] == ["own-1"]


def test_a_damaged_refreshed_table_is_left_out(empty_environment: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = refreshed_path()
    path.parent.mkdir(parents=True)
    for damage in (b"", b"{", b"[]", b'{"tables": 5}', b"<html>", b"\xff\xfe"):
        path.write_bytes(damage)
        assert find().context_window == 1_050_000
    assert "cannot be read and are not used" in caplog.text


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "price"),
        ({"price": None}, "price"),
        ({"price": Price()}, "price"),
        ({"price": "3"}, "price"),
        ({"price": Price(input=3)}, "price.input"),  # type: ignore[arg-type]
        ({"price": Price(input=0.1, output="1")}, "price.input"),  # type: ignore[arg-type]
        ({"price": Price(input="-1", output="1")}, "price.input"),
        ({"price": Price(input="inf", output="1")}, "price.input"),
        ({"price": Price(input="NaN", output="1")}, "price.input"),
        ({"multiplier": 0.85}, "multiplier"),
        ({"multiplier": "-1"}, "multiplier"),
        ({"context_window": 0}, "context_window"),
        ({"context_window": 1.5}, "context_window"),
        ({"max_output_tokens": "8"}, "max_output_tokens"),
    ],
)
def test_what_code_gives_is_checked(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make_change(**given)
    assert caught.value.field == field


def test_changes_of_other_models_are_values_of_their_own() -> None:
    first, second = make_change(context_window=5), make_change(context_window=6)
    own = {("openai", "gpt-6-sol"): first, ("openai", "gpt-6-luna"): second}
    catalogue = Catalogue(CatalogueFiles(own))
    assert catalogue.find("openai", "gpt-6-sol").context_window == 5  # type: ignore[union-attr]
    assert catalogue.find("openai", "gpt-6-luna").context_window == 6  # type: ignore[union-attr]
    assert first == ModelChange(context_window=5)


def test_names_from_untrusted_input_do_not_fill_the_memory() -> None:
    catalogue = Catalogue(CatalogueFiles())
    for i in range(5_000):
        assert catalogue.find("openai", f"no-such-model-{i}") is None
    assert len(catalogue._found) <= 4_096
    assert read_embedded("../openai") is None


# Costs


def test_nothing_is_read_before_the_first_question(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        "from ratatoskr import Ratatoskr\n"
        "gateway = Ratatoskr.builder().openai('k').build()\n"
        "assert not any('models/data' in name or 'models.toml' in name for name in opened), opened\n"
        "import asyncio\n"
        "asyncio.run(gateway.model_metadata('openai:gpt-6-sol'))\n"
        "assert [name.rsplit('/', 1)[1] for name in opened if 'models/data' in name] == ['openai.json']\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"HOME": str(tmp_path)}, timeout=60)


def test_the_tables_are_small_and_quick_to_read() -> None:
    """At most 60 KB of the wheel, 3 ms for the first question about a provider and 10 ms for all of the catalogue."""
    files = sorted(DATA.glob("*.json"))
    assert sum(len(zlib.compress(path.read_bytes(), 9)) for path in files) <= 60_000

    def best(call: Any, runs: int = 5) -> float:
        times = []
        for _ in range(runs):
            began = time.process_time()
            call()
            times.append(time.process_time() - began)
        return min(times)

    def ask(provider: str) -> None:
        Catalogue(CatalogueFiles()).find(provider, "no-such-model")

    assert max(best(lambda name=path.stem: ask(name)) for path in files) <= 0.003  # type: ignore[misc]
    assert best(lambda: [ask(path.stem) for path in files]) <= 0.010


def test_the_notices_of_both_projects_are_beside_the_tables() -> None:
    text = (DATA / "LICENSES.txt").read_text()
    assert "Copyright (c) Pydantic Services Inc." in text
    assert "Copyright (c) 2023 Berri AI" in text
    assert text.count("Permission is hereby granted, free of charge") == 2
