"""Script files for a misbehaving provider, and serving one: what `rat chaos` runs.

A script is TOML (or the same in JSON): steps are taken in order, one a request.

    require_key = false                  # optional; a string is the only key that is taken

    [[step]]
    fault = "rate_limited_seconds"       # a name from the table of faults; its options stand beside it
    times = 2                            # 0 means for ever

    [[step]]
    provider = "anthropic"               # only for this provider; steps without it are for all others
    text = "Hello"
    reasoning = "They greet me."
    tool_calls = [{ name = "weather", arguments = { city = "Paris" } }]

    [random]                             # optional: afterwards, this share of requests meets one of these faults
    rate = 0.1
    seed = 7
    faults = ["overloaded", "cut_reset"]

    [tls]                                # optional: serve https; PEM beside the script, by the names that faults use
    good = "server.pem"
    expired = { cert = "old.pem", key = "old.key" }
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import ssl
import tomllib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from ratatoskr.errors import ConfigurationError
from ratatoskr.testing.answers import default_turn
from ratatoskr.testing.connection import Received
from ratatoskr.testing.faults.table import Fault, fault
from ratatoskr.testing.routes import BASES
from ratatoskr.testing.turns import Call, ScriptedTurn, Tokens
from ratatoskr.testing.upstream import Decider, ScriptedUpstream, Step

_TURN_FIELDS = frozenset(one.name for one in dataclasses.fields(ScriptedTurn))
_TOP = frozenset({"step", "random", "require_key", "models", "tls"})
_CONTEXTS = ("good", "expired", "wrong_host", "unknown_authority", "old_version")
_KEPT = 100  # requests that a served upstream remembers


@dataclass(frozen=True, slots=True)
class ChaosScript:
    """A script file, read.

    Attributes:
        steps: provider ("" for all others) -> its steps.
        options: keyword arguments for `ScriptedUpstream`.
    """

    steps: Mapping[str, tuple[Step | Decider, ...]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


def load_script(path: str | Path) -> ChaosScript:
    """Read a script file.

    Raises:
        ConfigurationError: it cannot be read, is no TOML or JSON, or says something that nobody understands; the
            message names file and step.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8")
        value = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", field="script") from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path}: {error}", field="script") from error
    try:
        return _read(value, path.parent)
    except (ConfigurationError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{path}: {error}", field="script") from error


def _read(value: Any, folder: Path) -> ChaosScript:
    if not isinstance(value, dict) or set(value) - _TOP:
        unknown = sorted(set(value) - _TOP) if isinstance(value, dict) else value
        raise ConfigurationError(f"unknown: {unknown}; known are {', '.join(sorted(_TOP))}")
    steps: dict[str, list[Step | Decider]] = {}
    for number, one in enumerate(value.get("step", ()), 1):
        fields = dict(one)
        provider = fields.pop("provider", "")
        if provider and provider not in BASES:
            raise ConfigurationError(f"step {number}: no provider is named {provider!r}; known are {', '.join(BASES)}")
        try:
            steps.setdefault(provider, []).append(_step(fields))
        except (ConfigurationError, TypeError) as error:
            raise ConfigurationError(f"step {number}: {error}") from error
    if "random" in value:
        wild = _Random(**value["random"])
        for provider in {"", *steps}:
            steps.setdefault(provider, []).append(wild)
    for name in ("models", "tls"):
        if not isinstance(value.get(name, {}), dict):
            raise ConfigurationError(f"{name} is a table, not {value[name]!r}")
    options = {name: value[name] for name in ("require_key", "models") if name in value}
    if "tls" in value:
        options["tls"] = {name: _context(name, given, folder) for name, given in value["tls"].items()}
    return ChaosScript({provider: tuple(some) for provider, some in steps.items()}, options)


def _step(fields: dict[str, Any]) -> Step:
    name = fields.pop("fault", None)
    if not isinstance(name, str | None):
        raise ConfigurationError(f"a fault is a name, not {name!r}")
    mine = {key: fields.pop(key) for key in list(fields) if key in _TURN_FIELDS} if name is None else {}
    if name is not None:
        times = fields.pop("times", 1)
        said = fields.pop("turn", None)
        return fault(name, times=times or None, turn=_turn(said) if said is not None else None, **fields)
    if fields:
        raise ConfigurationError(f"unknown: {', '.join(sorted(fields))}")
    return _turn(mine)


def _turn(fields: Mapping[str, Any]) -> ScriptedTurn:
    made = dict(fields)
    if "tool_calls" in made:
        made["tool_calls"] = [Call(**call) for call in made["tool_calls"]]
    if "usage" in made:
        made["usage"] = Tokens(**made["usage"])
    return ScriptedTurn(**made)


def _context(name: str, given: str | Mapping[str, str], folder: Path) -> ssl.SSLContext:
    """Make a server's side of TLS from files; `old_version` speaks TLS 1.0 and nothing newer."""
    if name not in _CONTEXTS:
        raise ConfigurationError(f"tls: no context is named {name!r}; known are {', '.join(_CONTEXTS)}")
    files = {"cert": given} if isinstance(given, str) else dict(given)
    if "cert" not in files or set(files) - {"cert", "key"}:
        raise ConfigurationError(f"tls.{name} is a path, or {{ cert = a path, key = a path }}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(folder / files["cert"], folder / files["key"] if "key" in files else None)
    except OSError as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigurationError(f"tls.{name}: {files['cert']}: {reason}") from error
    if name == "old_version":
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = ssl.TLSVersion.TLSv1
    return context


class _Random:
    """Decides by lot whether a request meets a fault, for ever."""

    for_ever = True

    def __init__(self, faults: list[str], rate: float = 0.1, seed: int = 0) -> None:
        if not 0 <= rate <= 1:
            raise ConfigurationError(f"random.rate is a share between 0 and 1, not {rate}")
        if not all(isinstance(name, str) for name in faults):
            raise ConfigurationError(f"random.faults are names, not {faults!r}")
        self._faults: list[Fault] = [fault(name) for name in faults]
        doors = [one.name for one in self._faults if one.door]
        if doors:
            raise ConfigurationError(f"{doors[0]} concerns the listening socket and cannot be drawn by lot")
        self._rate, self._lot = rate, Random(seed)  # noqa: S311  # a lot, no secret

    def __call__(self, request: Received) -> Step:
        if self._lot.random() < self._rate and self._faults:
            return self._lot.choice(self._faults)
        return default_turn(request.asked) if request.asked is not None else ""


async def serve(
    script: ChaosScript | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    ready: Callable[[ScriptedUpstream], None] | None = None,
) -> None:
    """Serve a script until cancelled.

    Args:
        script: from `load_script`; without one everything is answered sensibly.
        host: address to listen on.
        port: 0 takes a free one.
        ready: is called with the upstream once it listens, so that the caller can tell its addresses.

    Raises:
        OSError: the address is taken.
    """
    script = script or ChaosScript()
    async with ScriptedUpstream(script.steps or (), host=host, port=port, keep=_KEPT, **script.options) as upstream:
        if ready is not None:
            ready(upstream)
        await asyncio.get_running_loop().create_future()
