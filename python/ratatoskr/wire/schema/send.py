"""The schema of an answer and of a tool's arguments as one target takes them."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Raw

from ratatoskr.types.attempt import Notice
from ratatoskr.types.frozen import dataclass
from ratatoskr.types.rules import SchemaSubset
from ratatoskr.types.schema import JsonSchema
from ratatoskr.types.tool import ToolDefinition
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.encode import OUTPUT_EMULATED, encode_json
from ratatoskr.wire.schema.compile import NO_OBJECT, Compiler
from ratatoskr.wire.schema.limits import check_limits, order_first_keys
from ratatoskr.wire.schema.merge import ANNOTATIONS
from ratatoskr.wire.schema.normalise import UnsayableError
from ratatoskr.wire.schema.subsets import OF_DIALECT, SUBSETS, Subset

_MAX_PATHS = 8
_NO_STRICT = "the model has no strict mode here"
_ANSWER = ("the schema of the answer", "response_format")


@dataclass(frozen=True, slots=True)
class CompiledSchema:
    """A schema within a subset.

    Attributes:
        schema: as JSON; `None` if it cannot be said.
        reason: why it cannot be said, with its path.
        dropped: the paths of what was left out.
        nullable: the paths of properties whose null means that they are absent.
        forced: the paths of properties that must be given although the schema leaves them free.
        optional: how many properties are optional.
        unions: how many unions there are.
        changes: in what it differs in meaning from the given schema, in words; first for an answer that is validated
            here.
    """

    schema: bytes | None
    reason: str = ""
    dropped: tuple[str, ...] = ()
    nullable: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()
    optional: int = 0
    unions: int = 0
    changes: tuple[str, str] = ("", "")


@functools.lru_cache(maxsize=256)
def compile_schema(schema: bytes, subset: SchemaSubset) -> CompiledSchema:
    """Return a schema, given as JSON, within a subset."""
    row, given = SUBSETS[subset], msgspec.json.decode(schema)
    compiler = Compiler(given, row)
    try:
        compiled = compiler.compile()
        if row.unique_first_keys:
            order_first_keys(compiled)
        check_limits(compiled, row)
    except UnsayableError as error:
        return CompiledSchema(None, f"{error.path}: {error.reason}")
    except RecursionError:
        return CompiledSchema(None, "/: it is too large")
    return CompiledSchema(
        schema if _is_same(compiled, given, row) else msgspec.json.encode(compiled),
        "",
        tuple(compiler.dropped),
        tuple(compiler.nullable),
        tuple(compiler.forced),
        compiler.optional,
        compiler.unions,
        (_describe_changes(compiler, is_validated=True), _describe_changes(compiler, is_validated=False)),
    )


def subset_of(target: Target) -> SchemaSubset:
    """Return the name of what a target takes."""
    name = target.rules.schema_subset or OF_DIALECT.get(target.dialect, "compatible")
    return "openai_fine_tuned" if name == "openai" and target.model.startswith("ft:") else name


class StrictUse:
    """How much of a vendor's limits the strict schemas of one request have used.

    Attributes:
        tools: strict tools.
        optional: optional properties.
        unions: unions.
    """

    __slots__ = ("optional", "tools", "unions")

    def __init__(self) -> None:
        self.tools = self.optional = self.unions = 0

    def add(self, compiled: CompiledSchema, row: Subset, *, tools: int) -> str:
        """Add a schema, or return which limit it would exceed."""
        added = (self.tools + tools, self.optional + compiled.optional, self.unions + compiled.unions)
        limits = (row.max_strict_tools, row.max_optional, row.max_unions)
        for count, most, what in zip(added, limits, ("strict tools", "optional properties", "unions"), strict=True):
            if most is not None and count > most:
                return f"the request has more than {most} {what}"
        self.tools, self.optional, self.unions = added
        return ""


@dataclass(frozen=True, slots=True)
class FormatPlan:
    """How the schema of an answer is sent.

    Attributes:
        schema: the schema as JSON; `None` where it has to be put into the instructions.
        strict: whether it is called strict.
        notices: what the caller should know.
    """

    schema: Raw | None
    strict: bool = False
    notices: tuple[Notice, ...] = ()


def plan_format(form: JsonSchema, target: Target, use: StrictUse, *, is_validated: bool) -> FormatPlan:
    """Return how the schema of an answer is sent.

    Args:
        form: the schema.
        target: the model.
        use: what the request has used of the vendor's limits.
        is_validated: whether the answer is validated here, by an output type.

    Raises:
        InvalidInput: it is not a JSON value.
    """
    text, name = encode_json(form.schema, "response_format"), subset_of(target)
    row = SUBSETS[name]
    if target.rules.schema != "native":
        return FormatPlan(None, notices=(OUTPUT_EMULATED,))
    if not row.strict or not (form.strict or row.always or row.rest == "words"):
        return FormatPlan(Raw(text), notices=(_report_loose(_ANSWER, _NO_STRICT),) if form.strict else ())
    compiled = compile_schema(text, name)
    if not form.strict and not row.always and compiled.schema != text:
        return FormatPlan(None, notices=(_report_words("it is not strict"),))
    reason = compiled.reason or use.add(compiled, row, tools=0)
    if compiled.schema is not None and not reason:
        return FormatPlan(
            Raw(compiled.schema), form.strict, _report_changes(_ANSWER, compiled.changes[not is_validated])
        )
    if row.rest == "words" or reason.endswith(NO_OBJECT):
        return FormatPlan(None, notices=(_report_words(reason),))
    return FormatPlan(Raw(text), notices=(_report_loose(_ANSWER, reason),))


@dataclass(frozen=True, slots=True)
class ParametersPlan:
    """How the schema of a tool's arguments is sent.

    Attributes:
        schema: the schema as JSON.
        strict: whether it is called strict; `None` leaves it to the provider.
        notices: what the caller should know.
    """

    schema: Raw
    strict: bool | None
    notices: tuple[Notice, ...] = ()


def plan_parameters(tool: ToolDefinition, target: Target, use: StrictUse, where: str) -> ParametersPlan:
    """Return how the schema of a tool's arguments is sent.

    Raises:
        InvalidInput: it is not a JSON value; `field` is `where`.
    """
    text, name = encode_json(tool.parameters, where), subset_of(target)
    row = SUBSETS[name]
    if not tool.strict and not row.always:
        return ParametersPlan(Raw(text), tool.strict)
    subject = (f"the schema of tool {tool.name!r}", where)
    if not row.strict:
        return ParametersPlan(Raw(text), False, (_report_loose(subject, _NO_STRICT),))
    if tool.strict and tool.parameters.keys() <= ANNOTATIONS | {"type"}:  # a tool that names no arguments has none
        text = encode_json({**tool.parameters, "type": "object", "properties": {}}, where)
    compiled = compile_schema(text, name)
    reason = compiled.reason or (use.add(compiled, row, tools=1) if tool.strict else "")
    if compiled.schema is not None and not reason:
        return ParametersPlan(Raw(compiled.schema), tool.strict, _report_changes(subject, compiled.changes[1]))
    if not tool.strict:
        return ParametersPlan(Raw(text), tool.strict)
    return ParametersPlan(Raw(text), False, (_report_loose(subject, reason),))


def _is_same(compiled: dict[str, Any], given: Any, row: Subset) -> bool:
    """Return whether nothing was rewritten; a definition that nothing refers to may stay if it conforms too."""
    ours, theirs = compiled.get("$defs", {}), given.get("$defs", {})
    if {**compiled, "$defs": None} != {**given, "$defs": None} or not ours.items() <= theirs.items():
        return False
    try:
        unused = {name: Compiler(given, row).compile_definition(name) for name in theirs if name not in ours}
    except (UnsayableError, RecursionError):
        return False
    return all(theirs[name] == node for name, node in unused.items())


def _report_words(reason: str) -> Notice:
    message = f"the schema was put into the instructions, as the provider does not take it ({reason})"
    return Notice("output_emulated", message, "response_format")


def _report_loose(subject: tuple[str, str], reason: str) -> Notice:
    what, where = subject
    return Notice("schema_not_strict", f"{what} was sent without strict ({reason})", where)


def _report_changes(subject: tuple[str, str], changes: str) -> tuple[Notice, ...]:
    what, where = subject
    return (Notice("schema_adapted", f"{what} was sent {changes}", where),) if changes else ()


def _describe_changes(compiler: Compiler, *, is_validated: bool) -> str:
    """Return in what a compiled schema differs in meaning from the caller's; empty if in nothing."""
    facts = []
    if compiler.dropped:
        still = "the answer is still validated against them" if is_validated else "the model need not keep to them"
        facts.append(f"without {_list_paths(compiler.dropped)}, which the provider does not take: {still}")
    if compiler.nullable and not is_validated:
        facts.append(f"with null for what may be absent: {_list_paths(compiler.nullable)}")
    if compiler.forced:
        facts.append(f"with these optional properties required: {_list_paths(compiler.forced)}")
    return "; ".join(facts)


def _list_paths(paths: Iterable[str]) -> str:
    named = list(dict.fromkeys(paths))
    more = len(named) - _MAX_PATHS
    return ", ".join(named[:_MAX_PATHS]) + (f" and {more} more" if more > 0 else "")
