"""What a gateway asks of the catalogue beyond reading it: a refresh, and the parameters of any provider's models."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.providers.provider import HttpProvider
from ratatoskr.providers.specs import SPECS
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr.transport.client import Transport
    from ratatoskr.types.metadata import Parameter, RefreshReport
    from ratatoskr.types.query import RefreshModels

__all__ = ["describe_parameters_of", "refresh_models"]


_NO_TRANSPORT: Final[Any] = None  # nothing is sent


def describe_parameters_of(provider: str, model: str, max_output_tokens: int | None) -> Mapping[str, Parameter]:
    """Return what a model of a built-in provider accepts, which need not be configured; empty for another provider."""
    spec = SPECS.get(provider)
    if spec is None or not spec.base_url:
        return {}
    return HttpProvider(spec, _NO_TRANSPORT).parameters(model, max_output_tokens)


async def refresh_models(query: RefreshModels, transport: Transport, addresses: Mapping[str, str]) -> RefreshReport:
    """Fetch a table, check it, and put it in force.

    Args:
        query: which table, and what is accepted.
        transport: fetches it.
        addresses: of providers, where they may be others than their own.

    Raises:
        ConfigurationError: the source cannot be read, is not a table, has another digest, or is refused.
        RatatoskrError: it cannot be fetched.
    """
    from ratatoskr.config.refresh import fetch_table, install, read_source
    from ratatoskr.config.refresh_formats import LISTING

    source = query.source
    digest = query.sha256
    if digest is not None and (not isinstance(digest, str) or not re.fullmatch(r"\s*[0-9a-fA-F]{64}\s*", digest)):
        raise ConfigurationError(f"sha256 must be 64 hexadecimal digits, not {quote(digest)}", field="sha256")
    if source is not None and (not isinstance(source, str) or not source.strip()):
        raise ConfigurationError(f"source must be a URL or the path of a file, not {quote(source)}", field="source")
    if source is None:
        spec = SPECS[LISTING]
        source = f"{addresses.get(LISTING, spec.base_url)}{spec.models_path}"
    if "://" in source:
        data = await fetch_table(source, transport)
        source = source.partition("?")[0].partition("#")[0]
        scheme, _, rest = source.partition("://")
        source = f"{scheme}://{rest.rpartition('@')[2]}"
    else:
        data = await asyncio.to_thread(read_source, source)
    return await install(data, source, sha256=query.sha256, accept=query.accept, dry_run=query.dry_run)
