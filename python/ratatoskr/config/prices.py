"""What a use of a model costs by the tables of this machine, for a gateway that can no longer be asked."""

from __future__ import annotations

from collections.abc import Collection

from ratatoskr.config.catalogue import CatalogueFiles
from ratatoskr.models.catalogue import Catalogue
from ratatoskr.models.pricing import Pricing
from ratatoskr.providers.specs import SPECS
from ratatoskr.routing import provider_prefix, resolve
from ratatoskr.types.query import GetCost
from ratatoskr.types.usage import Cost

__all__ = ["cost_here"]


def cost_here(query: GetCost, providers: Collection[str] | None) -> Cost | None:
    """Return what a use costs; `None` if the price is unknown.

    Args:
        query: what was used, of which model.
        providers: those that may serve a model without a provider's prefix; `None` for all that are built in.

    Raises:
        InvalidInput: the name cannot be parsed.
        NoProvider: it has no prefix, and none of these providers serves it.
    """
    known = SPECS if providers is None else providers
    provider, name = provider_prefix(query.model, known), query.model.partition(":")[2].strip()
    if provider is None:
        candidate = resolve(query.model, known)[0]
        provider, name = candidate.provider, candidate.model
    return Pricing(Catalogue(CatalogueFiles())).cost_of(query.usage, provider, name, at=query.at)
