"""The providers as rows of data: address, keys, dialects and quirks. A new OpenAI-compatible host is one more row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from ratatoskr.providers.specs import hosts, servers, vendors
from ratatoskr.providers.specs.row import CHAT_COMPLETIONS, ProviderSpec

__all__ = ["CHAT_COMPLETIONS", "QUIRKS", "SPECS", "SWITCHES", "ProviderSpec", "compatible", "example_variables"]

SPECS: dict[str, ProviderSpec] = {spec.name: spec for spec in (*vendors.ROWS, *hosts.ROWS, *servers.ROWS)}
"""The built-in providers by name, in the order in which messages list them."""


QUIRKS: Mapping[str, str] = MappingProxyType(
    {
        "enable_thinking": "thinking is switched by `enable_thinking`; there are no efforts",
        "template_thinking": "thinking is switched by `chat_template_kwargs.enable_thinking`; there are no efforts",
        "thinking_type": "thinking is switched by `thinking.type`; there are no efforts",
        "reasoning_split": "`reasoning_split` keeps thinking out of the text",
        "cache_control": "parts are marked for the prompt cache by `cache_control`",
        "json_object_value": "a JSON Schema is sent as `response_format.value`",
        "tool_media": "results of tools may have pictures",
        "file_url": "files may be given by URL",
        "string_content": "the content of a message is one text, however many parts it has",
        "no_system": "there is no system role",
        "no_name": "messages have no name",
        "no_stream_options": "`stream_options` is not accepted",
    }
)
"""The quirks that a host of the user's own may have: flags of `ratatoskr.wire.chat_completions`, with their meaning."""

SWITCHES = frozenset({"enable_thinking", "template_thinking", "thinking_type"})
"""The quirks of hosts where thinking is a switch."""


def compatible(
    name: str, base_url: str, *, no_done: bool = False, quirks: Collection[str] = (), refused: Collection[str] = ()
) -> ProviderSpec:
    """Return the row of an OpenAI-compatible host that is not built in."""
    flags = frozenset({*quirks, *(("no_done",) if no_done else ())})
    return ProviderSpec(name, name, base_url.rstrip("/"), needs_key=False, flags=flags, refused=frozenset(refused))


def example_variables() -> str:
    """Return the key variables that messages name as examples: those of the first four providers."""
    *some, last = [spec.key_variables[0] for spec in SPECS.values()][:4]
    return f"{', '.join(some)} or {last}"
