"""Script files for a faulty provider, and serving one; used by `rat chaos`.

A script is TOML, or the same structure in JSON. Each request uses the next step.

    require_key = false                  # optional; a string is the only accepted key

    [[step]]
    fault = "rate_limited_seconds"       # a name in `FAULTS`; its options are further keys
    times = 2                            # 0 means for every requesty request

    [[step]]
    provider = "anthropic"               # only for this provider; steps without it are for the others
    text = "Hello"
    reasoning = "They greet me."
    tool_calls = [{ name = "weather", arguments = { city = "Paris" } }]

    [random]                             # optional: after the steps, the share of requests that get one of these faults
    rate = 0.1
    seed = 7
    faults = ["overloaded", "cut_reset"]

    [tls]                                # optional: serve https; PEM beside the script, by the names of the faults
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
from ratatoskr.testing.answers import make_default_turn
from ratatoskr.testing.connection import Received
from ratatoskr.testing.faults.table import Fault, fault
from ratatoskr.testing.routes import BASES
from ratatoskr.testing.turns import ScriptedToolCall, ScriptedTurn, TokenCounts
from ratatoskr.testing.upstream import ScriptedUpstream, Step, StepFunction
from ratatoskr.types.toml import MAX_PARTS, has_long_name

_TURN_FIELDS = frozenset(one.name for one in dataclasses.fields(ScriptedTurn))
_SCRIPT_KEYS = frozenset({"step", "random", "require_key", "models", "tls"})
_CONTEXTS = ("good", "expired", "wrong_host", "unknown_authority", "old_version")
_REMEMBERED = 100  # requests that a served upstream keeps


@dataclass(frozen=True, slots=True)
class ChaosScript:
    """A parsed script file.

    Attributes:
        steps: Provider ("" for all others) -> its steps.
        options: Keyword arguments for `ScriptedUpstream`.
    """

    steps: Mapping[str, tuple[Step | StepFunction, ...]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


def load_script(path: str | Path) -> ChaosScript:
    """Read a script file.

    Raises:
        ConfigurationError: The file cannot be read, is not TOML or JSON, or has an unknown key or value; the
            message names the file and the step.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8")
        if path.suffix != ".json" and has_long_name(text):
            raise ConfigurationError(f"{path}: a name has more than {MAX_PARTS} parts", field="script")
        value = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", field="script") from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path}: {error}", field="script") from error
    try:
        return _parse_script(value, path.parent)
    except (ConfigurationError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{path}: {error}", field="script") from error


def _parse_script(value: Any, folder: Path) -> ChaosScript:
    if not isinstance(value, dict) or set(value) - _SCRIPT_KEYS:
        unknown = sorted(set(value) - _SCRIPT_KEYS) if isinstance(value, dict) else value
        raise ConfigurationError(f"unknown keys: {unknown}; known keys: {', '.join(sorted(_SCRIPT_KEYS))}")
    steps: dict[str, list[Step | StepFunction]] = {}
    for number, one in enumerate(value.get("step", ()), 1):
        fields = dict(one)
        provider = fields.pop("provider", "")
        if provider and provider not in BASES:
            raise ConfigurationError(
                f"step {number}: unknown provider {provider!r}; known providers: {', '.join(BASES)}"
            )
        try:
            steps.setdefault(provider, []).append(_parse_step(fields))
        except (ConfigurationError, TypeError) as error:
            raise ConfigurationError(f"step {number}: {error}") from error
    if "random" in value:
        random_faults = _RandomFaults(**value["random"])
        for provider in {"", *steps}:
            steps.setdefault(provider, []).append(random_faults)
    for name in ("models", "tls"):
        if not isinstance(value.get(name, {}), dict):
            raise ConfigurationError(f"{name} must be a table, not {value[name]!r}")
    options = {name: value[name] for name in ("require_key", "models") if name in value}
    if "tls" in value:
        options["tls"] = {name: _load_context(name, given, folder) for name, given in value["tls"].items()}
    return ChaosScript({provider: tuple(some) for provider, some in steps.items()}, options)


def _parse_step(fields: dict[str, Any]) -> Step:
    name = fields.pop("fault", None)
    if not isinstance(name, str | None):
        raise ConfigurationError(f"fault must be a name, not {name!r}")
    mine = {key: fields.pop(key) for key in list(fields) if key in _TURN_FIELDS} if name is None else {}
    if name is not None:
        times = fields.pop("times", 1)
        said = fields.pop("turn", None)
        return fault(name, times=times or None, turn=_parse_turn(said) if said is not None else None, **fields)
    if fields:
        raise ConfigurationError(f"unknown keys: {', '.join(sorted(fields))}")
    return _parse_turn(mine)


def _parse_turn(fields: Mapping[str, Any]) -> ScriptedTurn:
    made = dict(fields)
    if "tool_calls" in made:
        made["tool_calls"] = [ScriptedToolCall(**call) for call in made["tool_calls"]]
    if "usage" in made:
        made["usage"] = TokenCounts(**made["usage"])
    return ScriptedTurn(**made)


def _load_context(name: str, given: str | Mapping[str, str], folder: Path) -> ssl.SSLContext:
    """Return a server context with the certificate in files; `old_version` accepts only TLS 1.0."""
    if name not in _CONTEXTS:
        raise ConfigurationError(f"tls: unknown context {name!r}; known contexts: {', '.join(_CONTEXTS)}")
    files = {"cert": given} if isinstance(given, str) else dict(given)
    if "cert" not in files or set(files) - {"cert", "key"}:
        raise ConfigurationError(f"tls.{name} must be a path or {{ cert = PATH, key = PATH }}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(folder / files["cert"], folder / files["key"] if "key" in files else None)
    except OSError as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigurationError(f"tls.{name}: {files['cert']}: {reason}") from error
    if name == "old_version":
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the old version is intended
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = ssl.TLSVersion.TLSv1
    return context


class _RandomFaults:
    """Answers each request with a random fault or the default turn."""

    for_ever = True

    def __init__(self, faults: list[str], rate: float = 0.1, seed: int = 0) -> None:
        if not 0 <= rate <= 1:
            raise ConfigurationError(f"random.rate must be between 0 and 1, not {rate}")
        if not all(isinstance(name, str) for name in faults):
            raise ConfigurationError(f"random.faults must be names, not {faults!r}")
        self._faults: list[Fault] = [fault(name) for name in faults]
        listening = [one.name for one in self._faults if one.listener]
        if listening:
            raise ConfigurationError(f"{listening[0]} concerns the listening socket and cannot be chosen at random")
        self._rate, self._lot = rate, Random(seed)  # noqa: S311  # not for security

    def __call__(self, request: Received) -> Step:
        if self._lot.random() < self._rate and self._faults:
            return self._lot.choice(self._faults)
        return make_default_turn(request.asked) if request.asked is not None else ""


async def serve(
    script: ChaosScript | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    ready: Callable[[ScriptedUpstream], None] | None = None,
) -> None:
    """Serve a script until cancelled.

    Args:
        script: From `load_script`; without one, `make_default_turn` answers every request.
        host: The address to listen on.
        port: The port to listen on; 0 selects a free one.
        ready: Called with the upstream once it listens.

    Raises:
        OSError: The address is in use.
    """
    script = script or ChaosScript()
    async with ScriptedUpstream(
        script.steps or (), host=host, port=port, keep=_REMEMBERED, **script.options
    ) as upstream:
        if ready is not None:
            ready(upstream)
        await asyncio.get_running_loop().create_future()
