"""Tools that a model may call: described by a JSON Schema, made from a function or a pydantic model, run on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias

from ratatoskr.errors import InvalidInput, InvalidToolArguments
from ratatoskr.types.frozen import dataclass, field
from ratatoskr.types.part import ToolCall, ToolResult
from ratatoskr.types.plain import Plain
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from types import CodeType

    from pydantic import BaseModel

    ModelClass: TypeAlias = type[BaseModel]


class ToolFunction(Protocol):
    """A function, sync or async; not any callable."""

    __name__: str
    __code__: CodeType
    __call__: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class ToolDefinition(Plain):
    """A tool that the caller runs.

    Attributes:
        name: every provider takes letters, digits, `_` and `-`.
        description: when the model should call it.
        parameters: JSON Schema of the arguments; rewritten only where `strict` or the provider demands it.
        strict: ask the provider to guarantee the schema; `None` leaves it to the provider. A strict provider may give
            null for an optional argument; `run` reads it as absent.
        cache: a prompt-cache breakpoint after this tool.
    """

    __checked__ = True
    type: ClassVar[Literal["tool_definition"]] = "tool_definition"
    name: str
    description: str
    parameters: Mapping[str, Any]
    strict: bool | None = None
    cache: bool = False
    _run: Callable[[dict[str, Any]], Any] | None = field(default=None, repr=False, compare=False, kw_only=True)
    _is_async: bool = field(default=False, repr=False, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise InvalidInput("a tool needs a name", field="tools")
        if not isinstance(self.parameters, Mapping):
            raise InvalidInput(f"parameters of tool {quote(self.name)} must be a JSON Schema object", field="tools")

    @classmethod
    def from_function(
        cls, function: ToolFunction, *, strict: bool | None = None, cache: bool = False
    ) -> ToolDefinition:
        """Describe a function by its signature and docstring.

        Raises:
            InvalidInput: it takes `*args`, `**kwargs` or positional-only arguments, or a type without a JSON Schema.
        """
        from inspect import iscoroutinefunction

        from ratatoskr.types.function import describe

        description, parameters, run = describe(function)
        is_async = iscoroutinefunction(function)
        return cls(function.__name__, description, parameters, strict, cache, _run=run, _is_async=is_async)

    @classmethod
    def from_model(cls, model: ModelClass, *, strict: bool | None = None, cache: bool = False) -> ToolDefinition:
        """Describe a tool by a pydantic model; running it returns the validated arguments.

        Raises:
            InvalidInput: the model has no JSON Schema.
        """
        from inspect import cleandoc

        from pydantic.errors import PydanticUserError

        def run(arguments: dict[str, Any]) -> Any:
            return model.model_validate(arguments)

        description = cleandoc(model.__doc__ or "")
        try:
            schema = model.model_json_schema()
        except PydanticUserError as error:
            reason = str(error).splitlines()[0]
            raise InvalidInput(f"{model.__name__} cannot be described: {reason}", field="tools") from None
        return cls(model.__name__, description, schema, strict, cache, _run=run)

    @property
    def runs(self) -> bool:
        """Whether it has a function to run."""
        return self._run is not None

    async def run(self, call: ToolCall) -> ToolResult:
        """Validate the call's arguments, run the function (a sync one in a thread) and return its result.

        An exception becomes an error result with the text of the exception, for the model to read.
        """
        import asyncio
        from inspect import isawaitable

        from ratatoskr.types.absent import drop_absent

        if self._run is None:
            raise InvalidInput(f"tool {quote(self.name)} has no function to run", field="tools")
        try:
            arguments = drop_absent(call.args(), self.parameters)  # strict modes give null for what is absent
            value = self._run(arguments) if self._is_async else await asyncio.to_thread(self._run, arguments)
            return call.result(await value if isawaitable(value) else value)
        except InvalidToolArguments as error:
            return call.result(error.message, is_error=True)
        except Exception as error:  # whatever a tool raises is for the model to read
            return call.result(_describe(error), is_error=True)


def _describe(error: Exception) -> str:
    """Return the text of an error without the arguments, which pydantic would repeat."""
    entries = getattr(error, "errors", None)
    if callable(entries) and type(error).__name__ == "ValidationError":
        found = entries(include_url=False, include_input=False, include_context=False)
        return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in found)
    return f"{type(error).__name__}: {error}"


@dataclass(frozen=True, slots=True)
class ProviderTool(Plain):
    """A tool that the provider runs itself (web search, code execution, MCP), in its own format.

    Attributes:
        provider: the provider that runs it; other providers are skipped.
        definition: the entry of the request's `tools`, sent as it is.
    """

    __checked__ = True
    type: ClassVar[Literal["provider_tool"]] = "provider_tool"
    provider: str
    definition: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not isinstance(self.definition, Mapping):
            raise InvalidInput(f"definition must be a mapping, not {type(self.definition).__name__}", field="tools")


Tool: TypeAlias = ToolDefinition | ProviderTool
"""A tool of the caller, or one that a provider runs."""
ToolLike: TypeAlias = "Tool | ToolFunction"


def tool_of(tool: Any) -> Tool:
    """Return a tool for what callers may pass in `tools=`."""
    if isinstance(tool, (ToolDefinition, ProviderTool)):
        return tool
    if isinstance(tool, (FunctionType, MethodType)):
        return ToolDefinition.from_function(tool)  # type: ignore[arg-type]  # a function has both attributes
    raise InvalidInput(
        f"tools takes ToolDefinition, ProviderTool or functions, not {type(tool).__name__}", field="tools"
    )
