"""The catalogue is made of two tables: equal inputs make equal bytes, and they may not differ without a decision."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ratatoskr.types.chat import EFFORTS

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "contrib" / "catalogue"
WHEELS = ROOT / "build" / "catalogue"

PRICES = """
providers: list[Provider] = [
    Provider(
        id='mistral',
        models=[
            ModelInfo(
                id='m-large',
                match=ClauseOr(or_=[ClauseEquals(equals='m-large'), ClauseEquals(equals='M-Large-2508')]),
                context_window=1000,
                prices=ModelPrice(input_mtok=Decimal('2'), output_mtok=Decimal('%s')),
            ),
        ],
    ),
]
"""
LIMITS = {
    "mistral/m-large": {
        "litellm_provider": "mistral",
        "mode": "chat",
        "input_cost_per_token": 2e-06,
        "output_cost_per_token": 6e-06,
        "max_input_tokens": 900,
        "max_output_tokens": 100,
        "supports_function_calling": True,
        "deprecation_date": "2027-08-01",
    },
    "mistral/m-embed": {
        "litellm_provider": "mistral",
        "mode": "embedding",
        "max_input_tokens": 8,
        "output_vector_size": 4,
    },
}


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("make", "corrections", "genai_table", "litellm_table")
    import make

    yield make
    for name in names:
        sys.modules.pop(name, None)


def tables(make: Any, output: str = "6", corrections: Any = None) -> dict[str, Any]:
    files = make.make(PRICES % output, json.dumps(LIMITS), corrections or make.Corrections())
    return {entry["id"]: entry for entry in json.loads(files["mistral.json"])["models"]}


def correction(make: Any, **given: Any) -> Any:
    from corrections import Correction

    base = {"table": "genai-prices", "provider": "mistral", "models": ("m-large",), "field": "output", "checked": ""}
    return make.Corrections((Correction(**{**base, "source": "a page", "date": "2026-11-20", **given}),))


def test_money_is_of_the_one_table_and_limits_are_of_the_other(make: Any) -> None:
    found = tables(make)
    assert found["m-large"] == {
        "id": "m-large",
        "names": ["m-large-2508"],
        "prices": {"input": "2", "output": "6"},
        "context_window": 1000,
        "max_input_tokens": 900,
        "max_output_tokens": 100,
        "input": ["text"],
        "output": ["text"],
        "features": ["tools"],
        "retires": "2027-08-01",
        "sources": ["g", "l"],
    }
    assert found["m-embed"]["dimensions"] == 4


def test_tables_that_differ_on_a_price_need_a_decision(make: Any) -> None:
    with pytest.raises(make.Disagreement, match="m-large: output is 7, and 6 for m-large in the other table"):
        tables(make, "7")
    right = correction(make, upstream="7", value="6")
    found = tables(make, "7", right)
    assert found["m-large"]["prices"]["output"] == "6"
    assert found["m-large"]["sources"] == ["g", "l", "c"]
    assert list(right.find_lapsed()) == []


def test_a_correction_lapses_when_its_table_says_anything_else(make: Any) -> None:
    late = correction(make, upstream="8", value="5")
    assert tables(make, "6", late)["m-large"]["prices"]["output"] == "6"
    assert list(late.find_lapsed()) == ["mistral: m-large: output is no longer 8 in genai-prices"]


def test_a_model_that_reasons_has_the_words_or_the_budget_of_its_rules(make: Any) -> None:
    described = {
        model: list(make.describe_feature("reasoning", provider, model))
        for provider, model in (
            ("anthropic", "claude-sonnet-5-5"),
            ("google", "gemini-2.5-pro"),
            ("minimax", "MiniMax-M2"),
            ("cerebras", "zai-glm-4.7"),
        )
    }
    assert described == {
        "claude-sonnet-5-5": ["reasoning", *(f"reasoning:{word}" for word in EFFORTS if word != "minimal")],
        "gemini-2.5-pro": ["reasoning", "reasoning:128..32768"],
        "MiniMax-M2": ["reasoning"],  # it always does, and has nothing to set
        "zai-glm-4.7": ["reasoning"],  # no rule of its own: everything is passed on
    }
    assert list(make.describe_feature("tools", "anthropic", "claude-sonnet-5-5")) == ["tools"]


def test_the_words_of_reasoning_in_the_tables_are_those_of_the_rules(make: Any) -> None:
    compared = 0
    for path in sorted(make.DATA.glob("*.json")):
        table = json.loads(path.read_text())
        for model in table["models"]:
            words = [name for name in model.get("features", ()) if name.startswith("reasoning")]
            if words:
                compared += 1
                assert words == list(make.describe_feature("reasoning", table["provider"], model["id"])), model["id"]
    assert compared > 150


def test_absent_is_unknown_and_only_a_correction_makes_it_zero(make: Any) -> None:
    prices = PRICES.replace("'mistral'", "'openrouter'").replace("'m-large'", "'v/m:free'")
    prices = re.sub(r"prices=.*?\)\),", "prices=ModelPrice(),", prices)

    def price_by(corrections: Any) -> Any:
        made = json.loads(make.make(prices, "{}", corrections)["openrouter.json"])["models"]
        return [(one["id"], one.get("prices"), one["sources"]) for one in made]

    assert price_by(make.Corrections()) == [("v/m:free", None, ["g"])]
    every = make.Corrections.read(FOLDER / "corrections.toml")
    free = make.Corrections(tuple(one for one in every.every if one.models == ("*:free",)))
    assert price_by(free) == [("v/m:free", {"input": "0", "output": "0"}, ["g", "c"])]
    assert list(free.find_lapsed()) == []


def test_equal_inputs_make_equal_bytes(make: Any) -> None:
    first = make.make(PRICES % "6", json.dumps(LIMITS), make.Corrections())
    again = make.make(PRICES % "6", json.dumps(dict(reversed(LIMITS.items()))), make.Corrections())
    assert first == again


@pytest.mark.skipif(not list(WHEELS.glob("litellm-*.whl")), reason="`make catalogue` downloads the wheels")
def test_the_catalogue_is_that_of_its_sources() -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "make.py"), "--check"], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "13 files, 0 changed: \n"


def test_a_wheel_with_another_digest_is_not_read(make: Any, tmp_path: Path) -> None:
    import zipfile

    with pytest.raises(SystemExit, match="run `make catalogue`"):
        make.read_member(tmp_path, make.SOURCES[0])
    with zipfile.ZipFile(tmp_path / "genai_prices-0.2.3-py3-none-any.whl", "w") as wheel:
        wheel.writestr(make.SOURCES[0].member, "providers = []")
    with pytest.raises(SystemExit, match="has the digest"):
        make.read_member(tmp_path, make.SOURCES[0])


def test_every_correction_has_a_source_and_a_date(make: Any) -> None:
    every = make.Corrections.read(FOLDER / "corrections.toml").every
    assert every
    for one in every:
        assert one.source.strip()
        assert one.date.startswith("2026-")
        assert one.checked.startswith("2026-")
