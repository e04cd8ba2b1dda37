"""The tables of the documentation that are made from the code: a hook of MkDocs.

A line `<!-- generated: NAME -->` of a page becomes the table of that name, `<!-- included: PATH -->` a file of the
repository, so that neither can be out of date.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from ratatoskr.config.section import Section

ROOT = Path(__file__).resolve().parents[1]
MARKER = re.compile(r"^<!-- (generated|included): (\S+) -->$", re.MULTILINE)

CODE_OR_OPTION = re.compile(r"`[^`]*`|(?<![\w-])--?[a-z][a-z-]*(?!\w)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the markers of a page; MkDocs calls this for each.

    Raises:
        KeyError: there is no table of that name.
    """
    return MARKER.sub(lambda match: include(match[2]) if match[1] == "included" else TABLES[match[2]](), markdown)


def include(path: str) -> str:
    """Return a file of the repository, its links to pages and to other such files made relative to the pages."""
    text = (ROOT / path).read_text("utf-8").strip()
    return re.sub(r"\]\(([A-Z]+\.md)", lambda match: match[0].lower(), text.replace("](docs/", "]("))


def table(head: str, rows: Iterator[tuple[str, ...]]) -> str:
    """Return a table of Markdown; `head` is its first line."""
    rule = re.sub(r"[^|]+", "---", head)
    return "\n".join([head, rule, *(f"| {' | '.join(' '.join(cell.split()) for cell in row)} |" for row in rows)])


def attributes(cls: type) -> dict[str, str]:
    """Return the lines on attributes in a class's docstring by name."""
    section = (inspect.getdoc(cls) or "").partition("Attributes:\n")[2]
    return dict(re.findall(r"^    (\w+): ((?:.*\n?)(?:^      .*\n?)*)", section, re.MULTILINE))


def serves(provider: str) -> list[str]:
    """Return what a provider serves besides chats."""
    from ratatoskr.providers.specs.decisions import DECISIONS
    from ratatoskr.providers.specs.embed import EMBED
    from ratatoskr.providers.specs.rerank import RERANK

    tables = {"embed": EMBED, "rerank": RERANK, "decisions": DECISIONS}
    return [name for name, rows in tables.items() if provider in rows]


def providers() -> str:
    """Return the providers with their variables, dialects and capabilities."""
    from ratatoskr.providers.specs import SPECS

    def rows() -> Iterator[tuple[str, ...]]:
        for spec in SPECS.values():
            keys = " or ".join(f"`{variable}`" for variable in spec.key_variables)
            dialects = ", ".join(name.replace("_", " ") for name in spec.dialects)
            yield (
                f"`{spec.name}`",
                f"{spec.title}<br>`{spec.base_url}`",
                keys if spec.needs_key else f"{keys}, optional",
                f"`{spec.base_url_variable}`" if spec.base_url_variable else "",
                dialects,
                ", ".join([*spec.capabilities, *serves(spec.name)]),
                f"`{spec.name}:{spec.example_model}`",
            )

    return table("| prefix | provider and base URL | key | URL variable | dialects | serves | example |", rows())


def embeddings() -> str:
    """Return the APIs of embeddings with their words and limits."""
    from ratatoskr.providers.specs import SPECS
    from ratatoskr.providers.specs.embed import COMPATIBLE, EMBED

    def members(value: Mapping[str, Any] | None) -> str:
        return ", ".join(f"`{name}: {json.dumps(one)}`" for name, one in (value or {}).items())

    def rows() -> Iterator[tuple[str, ...]]:
        for spec in (*EMBED.values(), COMPATIBLE):
            cut = "refused" if spec.cuts is None else "cut or refused" if spec.refuses is not None else "cut"
            words = f"{members(spec.query)} / {members(spec.document)}" if spec.query else ""
            tokens = f", {spec.max_tokens:,} tokens" if spec.max_tokens else ""
            yield (
                f"`{spec.provider}`" if spec.provider else "any other host",
                SPECS[spec.provider].title if spec.provider else "",
                words,
                f"`{spec.dimensions}`" if spec.dimensions else "no",
                cut,
                f"{spec.max_texts:,} texts{tokens}",
            )

    return table("| prefix | provider | query / document | dimensions | long texts are | a request has |", rows())


def rerankers() -> str:
    """Return the APIs of reranking with their limits."""
    from ratatoskr.providers.specs import SPECS
    from ratatoskr.providers.specs.rerank import RERANK

    rows = (
        (f"`{spec.provider}`", SPECS[spec.provider].title, f"`{spec.path}`", f"{spec.max_documents:,}")
        for spec in RERANK.values()
    )
    return table("| prefix | provider | path | documents at a time |", rows)


def quirks() -> str:
    """Return the quirks that a compatible host may have."""
    from ratatoskr.providers.specs import QUIRKS

    return table("| quirk | meaning |", ((f"`{name}`", text) for name, text in QUIRKS.items()))


def parameters() -> str:
    """Return the parameters of a chat with their types."""
    from ratatoskr.types.chat import ChatOptions, ChatParams

    meaning = attributes(ChatOptions)
    return table(
        "| parameter | type | meaning |",
        (
            (f"`{name}`", f"`{str(getattr(hint, '__forward_arg__', hint)).removesuffix(' | None')}`", meaning[name])
            for name, hint in ChatParams.__annotations__.items()
        ),
    )


def timeouts() -> str:
    """Return the deadlines with their defaults."""
    from ratatoskr.types.timeouts import DEFAULTS, Timeouts

    return table(
        "| deadline | default, seconds | meaning |",
        (
            (f"`{name}`", f"{getattr(DEFAULTS, name):g}".replace("inf", "none"), text)
            for name, text in attributes(Timeouts).items()
        ),
    )


def errors() -> str:
    """Return the tree of errors, each class below and to the right of its base."""
    from ratatoskr import errors

    def rows(cls: type[errors.RatatoskrError], depth: int) -> Iterator[tuple[str, ...]]:
        summary = (cls.__doc__ or "").partition("\n")[0]
        yield f"{'&emsp;' * depth}`{cls.__name__}`", f"`{cls.code}`", "yes" if cls._retryable else "", summary
        for inner in cls.__subclasses__():
            if inner.__module__ == errors.__name__:
                yield from rows(inner, depth + 1)

    return table("| class | code | retryable | meaning |", rows(errors.RatatoskrError, 0))


def config_keys() -> str:
    """Return every key of `config.toml`."""
    from ratatoskr.config.sections import ConfigFile

    def rows(model: type[Section], place: str) -> Iterator[tuple[str, ...]]:
        meaning = attributes(model)
        for name, kind in fields_of(model):
            inner, key = section_of(kind), f"{place}{name}"
            if inner is None:
                key += ".NAME" if str(kind).startswith("dict") and not place else ""
                yield f"`{key}`", kind_of(kind), meaning[name]
            else:
                yield from rows(inner, f"{key}.NAME." if str(kind).startswith("dict") else f"{key}.")

    return table("| key | type | meaning |", rows(ConfigFile, ""))


def fields_of(section: type[Section]) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a table with their types."""
    return ((field.name, field.type) for field in msgspec.structs.fields(section))


def section_of(annotation: Any) -> type[Section] | None:
    """Return the class of a table, or of the tables in a table."""
    parts = (annotation, *getattr(annotation, "__args__", ()))
    return next((one for one in parts if isinstance(one, type) and issubclass(one, Section)), None)


def kind_of(annotation: Any) -> str:
    """Return a type in the words of TOML."""
    text = str(annotation)
    words = {"bool": "true or false", "int": "whole number", "float": "number", "list": "text or list of texts"}
    found = next((word for name, word in words.items() if re.search(rf"\b{name}\b", text)), "text")
    if found == "whole number" and re.search(r"\bstr\b", text):
        found = "text or whole number"
    return "table of texts" if text.startswith("dict") and found == "text" else found


def commands() -> str:
    """Return the help of `rat` and of every command."""
    from ratatoskr.cli.rat import rat

    return "\n\n".join(describe_commands(rat, click.Context(rat, info_name="rat")))


def describe_commands(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the paragraphs on a command and on those below it."""
    yield f"## {context.command_path}"
    yield f"```text\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        marked, text = paragraph.startswith("\b"), paragraph.removeprefix("\b\n")
        yield (
            f"```text\n{inspect.cleandoc(text)}\n```"
            if marked
            else CODE_OR_OPTION.sub(lambda match: f"`{match[0].strip('`')}`", text)
        )
    options = (one for one in command.get_params(context) if isinstance(one, click.Option))
    records = (record for one in options if (record := one.get_help_record(context)) is not None)
    # A range such as `[x>=1]` would be taken for a link.
    yield table("| option | meaning |", ((f"`{names}`", text.replace("[", r"\[")) for names, text in records))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None  # noqa: S101  # it is in the list
            yield from describe_commands(inner, click.Context(inner, info_name=name, parent=context))


def faults() -> str:
    """Return the faults of the scripted provider."""
    from ratatoskr.testing import FAULTS

    return table("| fault | what happens |", ((f"`{name}`", fault.about) for name, fault in FAULTS.items()))


def local_models() -> str:
    """Return the models of the catalogue that embed."""
    from ratatoskr.local.store.catalog import CATALOG

    def rows() -> Iterator[tuple[str, ...]]:
        for entry in CATALOG:
            if entry.task == "embed":
                prompts = [json.dumps(text)[1:-1] for text in (entry.query_instruction, entry.document_instruction)]
                cut = f", or {entry.least_dimensions} and more" if entry.least_dimensions else ""
                yield (
                    f"`{entry.name}`",
                    f"`{entry.repository}`",
                    f"{entry.dimensions}{cut}",
                    f"{entry.max_length:,}",
                    *(f"`{prompt}`" if prompt else "" for prompt in prompts),
                    entry.licence,
                    "`digests=` or `allow_unpinned=True`" if entry.needs_digests else "",
                )

    head = "| name | repository | dimensions | tokens | before queries | before documents | licence | a pull needs |"
    return table(head, rows())


def families() -> str:
    """Return the families of transformers with the model types of config.json."""
    from ratatoskr.local.graph.int8 import REFUSED
    from ratatoskr.local.store.architecture import MODEL_TYPES

    def rows() -> Iterator[tuple[str, ...]]:
        for family in dict.fromkeys(MODEL_TYPES.values()):
            kinds = ", ".join(f"`{kind}`" for kind, own in MODEL_TYPES.items() if own == family)
            yield f"{FAMILY_TITLES[family]}", kinds, f"refused: {REFUSED[family]}" if family in REFUSED else "yes"

    return table("| family | `model_type` of config.json | int8 |", rows())


FAMILY_TITLES = {
    "bert": "BERT",
    "roberta": "RoBERTa, XLM-RoBERTa, CamemBERT",
    "distilbert": "DistilBERT",
    "mpnet": "MPNet",
    "nomic_bert": "NomicBERT",
    "modernbert": "ModernBERT",
    "gte": "GTE",
    "electra": "ELECTRA",
    "deberta-v2": "DeBERTa-v2 and -v3",
    "qwen3": "Qwen3, pooled at the last token",
}

TABLES: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "config_keys": config_keys,
    "embeddings": embeddings,
    "errors": errors,
    "families": families,
    "faults": faults,
    "local_models": local_models,
    "parameters": parameters,
    "providers": providers,
    "quirks": quirks,
    "rerankers": rerankers,
    "timeouts": timeouts,
}
"""The tables by the names that pages use."""
