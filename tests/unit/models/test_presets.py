"""The rows of presets, and their names."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ratatoskr.config.catalogue import CatalogueFiles
from ratatoskr.errors import InvalidInput, PresetNotFound
from ratatoskr.models.catalogue import Catalogue
from ratatoskr.models.metadata import RETIRES_SOON
from ratatoskr.models.presets import PRESETS, SLOTS, TABLE_DATE, TIERS, Preset, check_parameters, find_preset
from ratatoskr.providers.specs import SPECS


def test_there_is_a_row_for_each_tier_and_slot() -> None:
    assert set(PRESETS) == {f"{tier}/{slot}" for tier in TIERS for slot in SLOTS}


@pytest.mark.parametrize("name", PRESETS)
def test_a_row_names_models_that_are_in_the_catalogue_and_stay(name: str) -> None:
    catalogue = Catalogue(CatalogueFiles())
    for model in PRESETS[name].models:
        provider, _, rest = model.partition(":")
        if provider == "local":
            assert rest == "sentence-transformers/all-MiniLM-L6-v2"
            continue
        assert provider in SPECS
        entry = catalogue.find(provider, rest)
        assert entry is not None, model
        retires = entry.retires_as(rest)
        assert retires is None or retires > TABLE_DATE + timedelta(days=RETIRES_SOON), model
        assert entry.prices is not None, model
        if name.startswith("free/"):
            assert entry.prices.input == entry.prices.output == "0"
    check_parameters(name, PRESETS[name])


def test_embeddings_are_of_one_model_in_every_tier() -> None:
    assert len({PRESETS[f"{tier}/embedding"].models for tier in TIERS}) == 1


@pytest.mark.parametrize("name", ["", "/", "mid", "mid/", "/coding", "ratatoskr:", "ratatoskr:mid", "mid/coding/x"])
def test_half_a_name_is_invalid(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        find_preset(name)
    assert caught.value.field == "model"
    assert "ratatoskr:<tier>/<slot>" in caught.value.message


def test_an_unknown_name_is_not_found_and_near_ones_are_named() -> None:
    with pytest.raises(PresetNotFound, match="ratatoskr:mid/coding"):
        find_preset("ratatoskr:mid/codign")


def test_names_are_found_in_any_case_and_the_users_own_come_first() -> None:
    assert find_preset("Ratatoskr:Mid/Coding".replace("R", "r"))[0] == "mid/coding"
    own = Preset(models=("openai:gpt-6-luna",))
    assert find_preset("mid/coding", {"mid/coding": own}) == ("mid/coding", own)
    assert find_preset("work/review", {"work/review": own}) == ("work/review", own)


def test_parameters_are_those_of_a_chat() -> None:
    with pytest.raises(InvalidInput, match="temprature, which is not a parameter"):
        check_parameters("mid/coding", Preset(models=("openai:x",), parameters={"temprature": 1}))
    with pytest.raises(InvalidInput):
        check_parameters("mid/coding", Preset(models=("openai:x",), parameters={"temperature": "hot"}))
    assert check_parameters("a/b", Preset(models=("openai:x",), parameters={"max_tokens": 5})) == {"max_tokens": 5}
