"""`CallOptions`, which has its own `__init__`, is a frozen dataclass like the others."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle

import pytest

from ratatoskr.providers.protocol import CallOptions
from ratatoskr.types.timeouts import Deadlines


def test_options_are_a_frozen_value() -> None:
    options = CallOptions("m", Deadlines(total=3.0), provider="p", attempt=1)
    assert dataclasses.replace(options, attempt=2) == CallOptions("m", Deadlines(total=3.0), "error", "p", 2) != options
    assert pickle.loads(pickle.dumps(options)) == copy.deepcopy(options) == options
    assert len({options, copy.copy(options)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.model = "x"  # type: ignore[misc]  # wrong on purpose


def test_its_arguments_are_its_fields_with_their_defaults() -> None:
    arguments = list(inspect.signature(CallOptions).parameters.values())
    fields = dataclasses.fields(CallOptions)
    assert [one.name for one in arguments] == [field.name for field in fields]
    for argument, field in zip(arguments, fields, strict=True):
        expected = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
        assert argument.default == expected
