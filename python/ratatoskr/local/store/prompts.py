"""The prompts of a model: what is put before a text, by what the text is for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.catalog import CatalogModel
from ratatoskr.local.store.read import read_object
from ratatoskr.local.store.settings import MODEL_PROMPTS, check_settings

__all__ = ["Prompts", "read_prompts"]

_DOCUMENT: Final = ("document", "passage", "corpus")
"""The names that `SentenceTransformer.encode_document` looks for, in its order."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """What config_sentence_transformers.json says.

    Attributes:
        query: put before queries.
        document: put before documents.
        dimensions: to how many dimensions vectors are cut, or `None`.
    """

    query: str = ""
    document: str = ""
    dimensions: int | None = None


def read_prompts(path: Path, entry: CatalogModel | None = None) -> Prompts:
    """Return the prompts of a folder, by the rules of `encode_query` and `encode_document`.

    A query gets the prompt `query`, a document the first of `document`, `passage` and `corpus`, and either of them the
    one that default_prompt_name names if the file has none of these. The catalogue gives the prompts that the file does
    not.

    Raises:
        ConfigurationError: the file is invalid.
    """
    file = path / MODEL_PROMPTS
    values = read_object(file)
    check_settings(MODEL_PROMPTS, values, file)
    prompts = values.get("prompts") or {}
    if not isinstance(prompts, dict) or not all(isinstance(prompt, str | None) for prompt in prompts.values()):
        raise ConfigurationError(f"{file}: prompts must be an object of strings")
    if any("\ud800" <= letter <= "\udfff" for prompt in prompts.values() for letter in prompt or ""):
        raise ConfigurationError(f"{file}: a prompt holds half of a surrogate pair, which is not a character")
    name = values.get("default_prompt_name")
    if name is not None and (not isinstance(name, str) or name not in prompts):
        raise ConfigurationError(f"{file}: default_prompt_name is {name!r:.80}, which is not among its prompts")
    default = "" if name is None else prompts[name]
    size = values.get("truncate_dim")
    if size is not None and (type(size) is not int or size < 1):
        raise ConfigurationError(f"{file}: truncate_dim must be a positive whole number, not {size!r:.80}")
    query = prompts.get("query", default) or (entry.query_instruction if entry else "")
    document = next((prompts[name] for name in _DOCUMENT if name in prompts), default)
    if not prompts and entry is not None:
        document = entry.document_instruction
    return Prompts(query or "", document or "", size)
