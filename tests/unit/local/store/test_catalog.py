"""The catalogue: its models are found by every name, and its data is well formed."""

from __future__ import annotations

import re

import pytest

from ratatoskr.local.store.catalog import CATALOG, FILES, find_in_catalog


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: entry.name)
def test_a_model_is_found_by_its_short_name_and_its_repository(entry):
    last = entry.repository.partition("/")[2]
    for name in (entry.name, entry.name.upper(), entry.repository, entry.repository.lower(), last, last.upper()):
        assert find_in_catalog(name) is entry


@pytest.mark.parametrize("name", ["", "no-such-model", "sentence-transformers", "other/all-MiniLM-L6-v2"])
def test_other_names_are_not_found(name):
    assert find_in_catalog(name) is None


def test_names_are_unique():
    names = [name.casefold() for entry in CATALOG for name in (entry.name, entry.repository)]
    assert len(set(names)) == len(names)


def test_digests_are_of_files_that_are_fetched_and_well_formed():
    for entry in CATALOG:
        assert entry.digests.keys() <= {*FILES}
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in entry.digests.values())
        assert entry.wheel is None or entry.digests, "what pip fetches is checked"
