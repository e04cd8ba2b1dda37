"""Azure's two forms of URLs: `/openai/v1`, and `/openai/deployments/NAME` with a version of the API."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.providers.specs import ProviderSpec

__all__ = ["check_api_version", "check_deployments", "choose_form"]

_VERSION = re.compile(r"[0-9A-Za-z.-]+")
_FORM = re.compile(r"/openai(/v1|/deployments/[^/]+)?$")
_V1: Final = "v1"
"""The version that chooses the form without a version in its URLs."""


def check_api_version(version: str | None) -> str | None:
    """Return the version; raise `ConfigurationError` if it is not one."""
    if version is not None and not (isinstance(version, str) and _VERSION.fullmatch(version)):
        raise ConfigurationError(
            f"api_version must be a date as in 2024-10-21, or v1, not {version!r:.80}", field="api_version"
        )
    return version


def check_deployments(deployments: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Return the deployments by model; raise `ConfigurationError` if they are not names."""
    if deployments is None:
        return ()
    names = [*deployments, *deployments.values()] if isinstance(deployments, Mapping) else [None]
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise ConfigurationError("deployments must map names of models to names of deployments", field="deployments")
    return tuple(deployments.items())


def choose_form(spec: ProviderSpec, url: str, version: str | None) -> str:
    """Return the base URL of an endpoint: by the version if there is one, else by the URL, else by the environment.

    Raises:
        ConfigurationError: the variable of the version holds something else.
    """
    root = url.rstrip("/")
    ends_with_v1 = root.endswith("/v1")
    if ends_with_v1 and version in (None, _V1):
        return url
    root = _FORM.sub("", root)
    if version is None and not ends_with_v1:
        version = check_api_version(os.environ.get(spec.api_version_variable, "").strip() or None)
    return f"{root}/openai/v1" if version in (None, _V1) else f"{root}/openai?api-version={version}"
