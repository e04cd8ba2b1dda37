"""What each vendor takes of JSON Schema, one row each.

A row is chosen by `ModelRules.schema_subset`, or else by the dialect. `type`, `properties`, `required`, `items`,
`anyOf`, `enum`, `$ref`, `$defs`, `title` and `description` are taken everywhere and listed nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from ratatoskr.types.rules import SchemaSubset
from ratatoskr.types.subschema import ALL_TYPES

_SCALARS = ALL_TYPES - {"object", "array"}
_RANGES = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_NUMBERS = _RANGES | {"multipleOf"}
_LENGTHS = frozenset({"minLength", "maxLength"})
_COUNTS = frozenset({"minItems", "maxItems"})


@dataclass(frozen=True, slots=True)
class Subset:
    """What one vendor takes.

    Attributes:
        keywords: the assertions that it takes, by the type that they are about.
        general: further keywords that it takes on every schema: `const`, `default`, `prefixItems`.
        formats: the values of `format` that it takes; `None` for all.
        patterns: the regular expressions it takes: `regular` (no look-around, references, boundaries), `whole` (from
            `^` to `$` besides), `plain` (without classes such as backslash-d besides).
        enums: the types of the values of `enum`.
        type_lists: whether `type` may be a list.
        untyped: whether a schema may have no type, for any value.
        open_objects: whether objects may have members besides those in `properties`; otherwise every object says
            `additionalProperties: false`.
        all_required: whether every property must be required; one that need not be given is sent as nullable.
        object_root: whether the root must be an object and no union.
        recursion: whether a schema may contain itself: always, through optional properties only, or never.
        unique_first_keys: whether the objects of a union must differ in their first property.
        max_min_items: the largest value of `minItems`.
        max_optional: how many properties may be optional, in all strict schemas of a request together.
        max_unions: how many unions there may be, in all strict schemas of a request together.
        max_strict_tools: how many tools of a request may be strict.
        max_properties: how many properties there may be.
        max_depth: how deep objects may be nested.
        max_enum: how many values all enums may have together.
        max_text: how many characters names and values of enums may have together.
        strict: whether it guarantees a schema at all; where not, `strict` is never sent.
        always: whether this holds for schemas that are not called strict too.
        rest: what is done with a schema that cannot be said: `loose` sends it as it is and does not call it strict,
            `words` puts it into the instructions.
        source: where this was read, with the date.
    """

    keywords: Mapping[str, frozenset[str]]
    source: str
    general: frozenset[str] = frozenset({"const"})
    formats: frozenset[str] | None = None
    patterns: Literal["regular", "whole", "plain"] = "regular"
    enums: frozenset[str] = _SCALARS
    type_lists: bool = True
    untyped: bool = False
    open_objects: bool = False
    all_required: bool = False
    object_root: bool = False
    recursion: Literal["always", "optional", "never"] = "always"
    unique_first_keys: bool = False
    max_min_items: int | None = None
    max_optional: int | None = None
    max_unions: int | None = None
    max_strict_tools: int | None = None
    max_properties: int | None = None
    max_depth: int | None = None
    max_enum: int | None = None
    max_text: int | None = None
    strict: bool = True
    always: bool = False
    rest: Literal["loose", "words"] = "loose"


def _by_type(
    string: frozenset[str] = frozenset(),
    number: frozenset[str] = frozenset(),
    array: frozenset[str] = frozenset(),
    object: frozenset[str] = frozenset(),
) -> Mapping[str, frozenset[str]]:
    kinds = {"string": string, "number": number, "integer": number, "array": array, "object": object}
    return MappingProxyType(kinds)


_OPENAI = Subset(
    keywords=_by_type(frozenset({"pattern", "format"}), _NUMBERS, _COUNTS),
    # "Supported schemas" and the limits below it. That a pattern which looks around is refused, and that the objects
    # of a union must not begin with the same key, is only said by the API's own errors (openai-python#2193).
    source="developers.openai.com/api/docs/guides/structured-outputs, 2026-11",
    formats=frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}),
    all_required=True,
    object_root=True,
    unique_first_keys=True,
    max_properties=5000,
    max_depth=10,
    max_enum=1000,
    max_text=120_000,
)
_EVERYTHING = _by_type(
    frozenset({"pattern", "format"}) | _LENGTHS,
    _NUMBERS,
    _COUNTS | {"uniqueItems"},
    frozenset({"minProperties", "maxProperties"}),
)

SUBSETS: Mapping[SchemaSubset, Subset] = MappingProxyType(
    {
        "openai": _OPENAI,
        "openai_fine_tuned": replace(
            _OPENAI,
            keywords=_by_type(),
            source="the same page, what is additionally not supported for fine-tuned models, 2026-11",
        ),
        "anthropic": Subset(
            keywords=_by_type(string=frozenset({"pattern", "format"}), array=frozenset({"minItems"})),
            source="platform.claude.com/docs/en/build-with-claude/structured-outputs, JSON Schema limitations and "
            "complexity limits; anthropic-sdk-python lib/_parse/_transform.py; 2026-11",
            general=frozenset({"const", "default"}),
            formats=frozenset(
                {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
            ),
            recursion="never",
            max_min_items=1,
            max_optional=24,
            max_unions=16,
            max_strict_tools=20,
            rest="words",
        ),
        "gemini": Subset(
            keywords=_by_type(
                frozenset({"format"}), frozenset({"minimum", "maximum", "format"}), frozenset({"minItems", "maxItems"})
            ),
            # `format` has no list there; of `enum` it says "for strings and numbers".
            source="ai.google.dev/api/generate-content, GenerationConfig.responseJsonSchema; google-genai 3.4; 2026-11",
            general=frozenset({"prefixItems"}),
            enums=frozenset({"string", "number", "integer"}),
            untyped=True,
            open_objects=True,
            recursion="optional",
            always=True,
            rest="words",
        ),
        "mistral": Subset(
            # The pages name no subset. The SDK closes every object (mistralai extra/utils/_pydantic_helper.py); the
            # other limits are those of most hosts, from memory.
            keywords=_by_type(frozenset({"pattern", "format"}) | _LENGTHS, _NUMBERS, _COUNTS),
            source="docs.mistral.ai/capabilities/structured-output/custom_structured_output, 2026-11",
            general=frozenset({"const", "default"}),
            object_root=True,
        ),
        "groq": replace(
            # The page asks for all required and closed objects; that it takes no more than OpenAI is an assumption.
            _OPENAI,
            source="console.groq.com/docs/structured-outputs, strict mode, 2026-11",
            unique_first_keys=False,
        ),
        "groq_best_effort": Subset(
            keywords=_EVERYTHING,
            source="console.groq.com/docs/structured-outputs: strict for gpt-oss-20b and gpt-oss-120b alone, 2026-11",
            strict=False,
        ),
        "xai": Subset(
            keywords=_EVERYTHING,
            source="docs.x.ai/developers/model-capabilities/text/structured-outputs, 2026-11",
            general=frozenset({"const", "default", "prefixItems"}),
            formats=frozenset({"date", "time", "date-time", "email", "uuid", "ipv4", "ipv6", "uri"}),
            patterns="whole",  # a pattern always means the entire string there
            open_objects=True,
            recursion="never",
            always=True,
            rest="words",
        ),
        "cerebras": replace(
            # Lists of types are 400 "use anyOf with a null type". The page names no ranges, lengths, formats or
            # patterns, and reports say that they are refused.
            _OPENAI,
            keywords=_by_type(),
            source="inference-docs.cerebras.ai/capabilities/structured-outputs, 2026-11",
            type_lists=False,
            recursion="never",
            unique_first_keys=False,
            max_properties=500,
            max_enum=500,
            max_text=None,
        ),
        "ollama": Subset(
            keywords=MappingProxyType(
                {
                    "string": frozenset({"pattern", "format"}) | _LENGTHS,
                    "integer": _RANGES,
                    "array": _COUNTS,
                }
            ),
            source="github.com/ggml-org/llama.cpp grammars/README.md, known limitations; ollama#8185, #8063; 2026-11",
            general=frozenset({"const", "default"}),
            formats=frozenset({"date", "time", "date-time", "uuid"}),
            patterns="plain",
            untyped=True,
            open_objects=True,
            always=True,
            rest="words",
        ),
        "compatible": replace(
            # A host of the API without a row of its own. What OpenAI asks of the shape is asked for, as some hosts
            # pass requests on to it; ranges and lengths stay, as most hosts take them. Not from any page.
            _OPENAI,
            keywords=_EVERYTHING,
            source="an assumption for hosts that are not listed, 2026-11",
            formats=None,
            max_properties=None,
            max_depth=None,
            max_enum=None,
            max_text=None,
        ),
    }
)

OF_DIALECT: Mapping[str, SchemaSubset] = MappingProxyType(
    {
        "messages": "anthropic",
        "responses": "openai",
        "generate_content": "gemini",
        "ollama": "ollama",
        "chat_completions": "compatible",
    }
)
"""The subset of a dialect's models whose rules name none."""
