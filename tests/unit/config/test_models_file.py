"""`models.toml`: what is wrong in it is named by file, line and key, before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from ratatoskr import Ratatoskr
from ratatoskr.config.models_file import parse_models_file, read_models_file
from ratatoskr.config.paths import find_models_file
from ratatoskr.errors import ConfigurationError
from ratatoskr.models.price import Price

PATH = Path("models.toml")
GOOD = """
[models."openai:gpt-6-sol"]
price = { input = "1.80", output = "9", cache_read = "0.18" }
context_window = 500_000

[models."anthropic:claude-opus-5-5"]
multiplier = "0.85"
retires = 2027-03-01

[presets."work/review"]
models = ["openai:gpt-6-sol"]
parameters = { reasoning = "high", max_tokens = 2000 }
"""


def test_a_good_file_is_read() -> None:
    file = parse_models_file(GOOD, PATH)
    assert file.models["openai", "gpt-6-sol"].price == Price(input="1.80", output="9", cache_read="0.18")
    assert file.models["anthropic", "claude-opus-5-5"].multiplier == "0.85"
    assert file.presets["work/review"].parameters == {"reasoning": "high", "max_tokens": 2000}


@pytest.mark.parametrize(
    ("text", "line", "key", "problem"),
    [
        ('[models."openai:x"]\nprice = { input = 1.8, output = "9" }', 2, "price.input", "binary floats are no prices"),
        ('[models."openai:x"]\n\nprice = { input = "-1", output = "9" }', 3, "price.input", "not negative"),
        ('[models."openai:x".price]\ninput = "nan"', 2, "price.input", "decimal text"),
        ('[models."openai:x".price]\ninput = "1e3"', 2, "price.input", "decimal text"),
        ('[models."openai:x".price]\ninput = inf', 2, "price.input", "must be decimal text"),
        ('[models."openai:x"]\nmultiplier = 0.85', 2, "multiplier", "must be decimal text"),
        ('[models."openai:x"]\nmultiplier = "-0.85"', 2, "multiplier", "not negative"),
        ('[models."openai:x"]\ncontext_window = -5', 2, "context_window", ">= 1"),
        ('[models."openai:x"]\ncontext_window = 5.5', 2, "context_window", "int"),
        ('[models."openai:x"]\ncontxt_window = 5', 2, "contxt_window", "is unknown"),
        ('[models."openai:x".price]\ninput = "1"\noutptu = "2"', 3, "price.outptu", "is unknown"),
        ('[models."openai:x"]\nretires = "soon"', 2, "retires", "date"),
        ("[models.openai]\ncontext_window = 5", 1, "models.openai", '"provider:model"'),
        ('[models.":x"]\ncontext_window = 5', 1, "models.:x", '"provider:model"'),
        ("models = 5", 1, "models", "must be a table"),
        ("[model]\nx = 5", 1, "model", "is unknown; known are models, presets"),
        ('[presets.mid]\nmodels = ["openai:x"]', 1, "presets.mid", "<tier>/<slot>"),
        ('[presets."mid/x"]\nmodels = []', 2, "models", "length"),
        ('[presets."mid/x"]\nmodels = "openai:x"', 2, "models", "array"),
        ('[presets."mid/x"]', 1, "presets.mid/x", "is empty: models is missing"),
        ('[presets."mid/x"]\nparameters = { seed = 1 }', 1, "presets.mid/x", "is empty: models is missing"),
        ('[presets."mid/x"]\nmodels = [1]', 2, "models.0", "expected `str`"),
        ('[presets."mid/x"]\nmodels = [" "]', 2, "models.0", '"provider:model"'),
        ('[presets."mid/x"]\nmodels = ["openai:a", "gpt-4.1"]', 2, "models.1", '"provider:model"'),
        ('[presets."mid/x"]\nmodels = ["openai:"]', 2, "models.0", '"provider:model"'),
        ('[presets."mid/x"]\nmodels = [":gpt-4.1"]', 2, "models.0", '"provider:model"'),
        ('[presets."mid/x"]\nmodels = ["openai/gpt:free"]', 2, "models.0", '"provider:model"'),
        (
            '[presets."mid/x"]\nmodels = ["opnai:gpt-4.1"]',
            2,
            "models.0",
            "the unknown provider 'opnai'; nearest are openai",
        ),
        ('[presets."mid/x"]\nmodels = ["ratatoskr:mid/coding"]', 2, "models.0", "is a preset itself"),
        ('[presets."mid/codign"]\nmodels = ["openai:x"]', 1, "mid/codign", "is nearly 'coding'"),
        ('[presets."premum/coding"]\nmodels = ["openai:x"]', 1, "premum/coding", "is nearly 'premium'"),
        ('[presets."mid/a b"]\nmodels = ["openai:x"]', 1, "mid/a b", "without white space"),
        ('[presets."/coding"]\nmodels = ["openai:x"]', 1, "/coding", "<tier>/<slot>"),
        ('[presets."mid/"]\nmodels = ["openai:x"]', 1, "mid/", "<tier>/<slot>"),
        ('[presets."a/b"]\nmodels = ["openai:x"]\n[presets."A/B"]\nmodels = ["xai:x"]', 3, "A/B", "is given twice"),
        ('[models."openai:x"]\nmultiplier = "2"\n[models." openai: x"]', 3, "openai: x", "is given twice"),
        ('[models."openai:x"]', 1, "openai:x", "is empty: give a price"),
        ('[models."openai:x"]\nprice = {}', 2, "price", "price must have a rate"),
        ('[presets."a/b"]\nmodels = ["openai:x"]\nparameters = { temprature = 1 }', 3, "temprature", "not a parameter"),
        ('[presets."a/b"]\nmodels = ["openai:x"]\nparameters = { temperature = nan }', 3, "temperature", "not nan"),
        ('[models."openai:x"]\nfeatures = [1]', 2, "features.0", "expected `str`, got `int`"),
    ],
)
def test_what_is_wrong_is_named_by_file_line_and_key(text: str, line: int, key: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_models_file(text, PATH, providers=())
    assert caught.value.message.startswith(f"models.toml:{line}: ")
    assert key in str(caught.value.field)
    assert problem in caught.value.message


@pytest.mark.parametrize("text", ["[models", "models = {", "a" * 10, "\x00", "x = " + "[" * 5_000])
def test_what_is_no_toml_says_so(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"models\.toml is not TOML"):
        parse_models_file(text, PATH)


def test_a_file_that_others_can_change_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(GOOD)
    path.chmod(0o666)
    with pytest.raises(ConfigurationError, match=r"models\.toml"):
        read_models_file(path)


def test_the_variable_names_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATATOSKR_MODELS", str(tmp_path / "mine.toml"))
    assert find_models_file() == tmp_path / "mine.toml"
    with (
        Ratatoskr.builder().openai("k").build().sync() as gateway,
        pytest.raises(ConfigurationError, match=r"mine\.toml"),
    ):
        gateway.model_metadata("openai:gpt-6-sol")


def test_a_wrong_file_stops_the_question_and_not_the_build(empty_environment: Path) -> None:
    path = empty_environment / ".config" / "ratatoskr" / "models.toml"
    path.parent.mkdir(parents=True)
    path.write_text('[models."openai:gpt-6-sol"]\nprice = { input = 1.5 }\n')
    with Ratatoskr.builder().openai("k").build().sync() as gateway:
        with pytest.raises(ConfigurationError, match=r"models\.toml:2: .*price\.input"):
            gateway.model_metadata("openai:gpt-6-sol")
        path.write_text('[models."openai:gpt-6-sol"]\nprice = { input = "1.5" }\n')
        assert gateway.model_metadata("openai:gpt-6-sol").price == {"input": "1.5"}


async def test_a_preset_may_name_a_host_of_this_gateway_and_no_other(empty_environment: Path) -> None:
    path = empty_environment / ".config" / "ratatoskr" / "models.toml"
    path.parent.mkdir(parents=True)
    path.write_text('[presets."house/agentic"]\nmodels = ["my-host:m", "openai:gpt-4.1"]\n')
    async with Ratatoskr.builder().compatible("my-host", base_url="http://127.0.0.1:1/v1").build() as gateway:
        assert (await gateway.resolve_preset("house/agentic")).model == "my-host:m"
    async with Ratatoskr.builder().openai("k").build() as gateway:
        for question in (gateway.list_presets(), gateway.chat("hi", "ratatoskr:house/agentic")):
            with pytest.raises(ConfigurationError, match=r"models\.toml:2: .*unknown provider 'my-host'") as caught:
                await question
            assert caught.value.field == "presets.house/agentic.models.0"
        assert (await gateway.model_metadata("openai:gpt-4.1")).price, "prices do not depend on presets"
