"""A streamed answer with its cost, a tool round trip, an outage, a budget, tokens and a search. Run by `make demo`.

With a key in the environment or the secrets file, or a reachable Ollama, it uses a real model; otherwise a scripted
provider on this machine over real HTTP, and says so. The outage and the budget are always scripted. Then it counts
tokens, downloads an embedding model, if it is not in the store, and searches with it; without the model it says so.
The last lines are the commands to try next.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from ratatoskr import (
    Budget,
    BudgetExceeded,
    ChatRequest,
    ConfigurationError,
    ContentDelta,
    Cost,
    EmbeddedGateway,
    Message,
    Ratatoskr,
    RatatoskrError,
    ToolDefinition,
    Usage,
    run_tools,
)
from ratatoskr.cli.cost import format_amount
from ratatoskr.providers.specs import SPECS
from ratatoskr.types.chat import ChatOptions

EMBEDDER = "AllMiniLmL6V2"
CLASSIFIER = "NliDebertaV3Small"
QUERY = "How do I get my money back?"
CORPUS = """\
Parcels leave the warehouse within two working days.
Our office is closed on public holidays.
The warranty covers defects of the battery for two years.
If you are not satisfied, return the goods within thirty days and we refund the price.
Put the lamp in a dry place, away from children.
Passwords have at least twelve characters.
The train to Bergen leaves every morning at eight.
A squirrel carries messages up and down the ash tree.
"""


def branch_height(branch: str) -> str:
    """Return the height of a branch of the ash tree.

    Args:
        branch: which one: lowest, middle or highest.
    """
    return {"lowest": "12 m", "middle": "40 m", "highest": "95 m"}.get(branch, "there is no such branch")


async def open_real_model(stack: AsyncExitStack) -> tuple[EmbeddedGateway, str] | None:
    """Return a gateway to a real model, `None` if none is reachable."""
    try:
        gateway = await stack.enter_async_context(Ratatoskr.from_env())
    except ConfigurationError as error:
        print(f"No real model is reachable: {error.message}.", file=sys.stderr)
        return None
    requested = os.environ.get("RATATOSKR_DEMO_MODEL")
    names = [provider.name for provider in (await gateway.health()).providers]
    specs = [SPECS[name] for name in names]
    example = next((f"{spec.name}:{spec.example_model}" for spec in specs if spec.configured_by == "key"), None)
    if requested or example:
        return gateway, requested or example or ""
    served = await gateway.list_models(names[0])
    if served:
        return gateway, served[0].id
    print(
        f"{specs[0].title} answers but has no model; `ollama pull {specs[0].example_model}` downloads one.",
        file=sys.stderr,
    )
    return None


async def open_scripted_model(stack: AsyncExitStack) -> tuple[EmbeddedGateway, str]:
    """Return a gateway to a provider on this machine that answers from a script, over real HTTP."""
    from ratatoskr.testing import ScriptedToolCall, ScriptedTurn, ScriptedUpstream, TokenCounts

    text = "Ratatoskr, the squirrel, runs up and down the ash Yggdrasil and carries words between eagle and wyrm."
    script = [
        ScriptedTurn(text, deltas=12, pace=0.03, usage=TokenCounts(input=18, output=24)),
        ScriptedTurn(
            tool_calls=(ScriptedToolCall("branch_height", {"branch": "highest"}),),
            usage=TokenCounts(input=92, output=17),
        ),
        ScriptedTurn("The highest branch is at 95 m.", usage=TokenCounts(input=121, output=11)),
    ]
    upstream = await stack.enter_async_context(ScriptedUpstream(script))
    builder = Ratatoskr.builder().openai("demo-key", base_url=upstream.base_url("openai"))
    return await stack.enter_async_context(builder.build()), "openai:gpt-4.1-mini"


def describe_usage(usage: Usage) -> str:
    """Return usage as a line."""
    return f"{usage.prompt_tokens} tokens in, {usage.completion_tokens} out ({usage.source})"


def describe_cost(cost: Cost | None) -> str:
    """Return a cost, its items and where it comes from, as a line."""
    if cost is None:
        return "unknown: the tables have no price of this model"
    source = "the provider's bill" if cost.source == "provider" else cost.basis
    parts = [*(f"{item.unit} {format_amount(item.amount)}" for item in cost.items), source]
    return f"{format_amount(cost.amount)} {cost.currency} ({', '.join(parts)})"


async def show(gateway: EmbeddedGateway, model: str) -> None:
    """Stream an answer, then let the model call a tool."""
    print(f"\n--- {model}: a streamed answer\n")
    async with gateway.chat_stream("In one sentence: who is Ratatoskr?", model, timeout=120) as stream:
        async for event in stream:
            if isinstance(event, ContentDelta):
                print(event.text, end="", flush=True)
    print(f"\n\nusage: {describe_usage(stream.response.usage)}, finish reason {stream.response.finish_reason}")
    print(f"cost: {describe_cost(stream.response.cost)}")

    print(f"\n--- {model}: a tool round trip\n")
    request = ChatRequest(
        (Message.user("How high is the highest branch of the ash tree? Use the tool."),),
        tools=(ToolDefinition.from_function(branch_height),),
        options=ChatOptions(model=model),
    )
    response, messages = await run_tools(gateway, request)
    for message in messages:
        for call in message.tool_calls:
            print(f"{call.name}({call.arguments})")
        for part in message.content:
            if part.type == "tool_result":
                print(f"  -> {part.text}")
    print(response.content)
    print(f"\nusage of the last round: {describe_usage(response.usage)}")


async def show_outage() -> None:
    """Ask a provider that fails and another one, until the first one's circuit breaker opens and after that."""
    from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, fault

    print("\n--- scripted: a provider is down, its circuit breaker opens\n")
    outage, answers = ScriptedUpstream([fault("overloaded")] * 9), ScriptedUpstream([ScriptedTurn("No message today.")])
    async with outage, answers:
        builder = Ratatoskr.builder().retries(0).breaker(3)
        builder = builder.openai("demo-key", base_url=outage.base_url("openai"))
        builder = builder.anthropic("demo-key", base_url=answers.base_url("anthropic"))
        async with builder.build() as gateway:
            for number in range(1, 6):
                response = await gateway.chat("Any message?", ["openai:gpt-4.1-mini", "anthropic:claude-haiku-4-5"])
                tried = [f"{one.provider} {one.error.code if one.error else 'ok'}" for one in response.attempts]
                print(f"call {number}: {', then '.join(tried)}")
            for breaker in (await gateway.health()).breakers:
                print(
                    f"{breaker.provider}: {breaker.model} is {breaker.state}; tried again in {breaker.ready_in:.0f} s"
                )


async def show_budget() -> None:
    """Ask until a budget ends."""
    from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, TokenCounts

    print("\n--- scripted: a budget of 0.01 USD a day, at its end\n")
    answer = ScriptedTurn("A long message.", usage=TokenCounts(input=2000, output=450))
    async with ScriptedUpstream([answer]) as upstream:
        builder = Ratatoskr.builder().openai("demo-key", base_url=upstream.base_url("openai"))
        async with builder.budget(Budget("0.01", per="day")).build() as gateway:
            try:
                for number in range(1, 9):
                    response = await gateway.chat("Tell me more.", "openai:gpt-4.1", max_tokens=500)
                    (budget,) = (await gateway.health()).budgets
                    print(f"call {number}: {response.model}, {budget.words} spent")
            except BudgetExceeded as error:
                print(f"call {number}: {error.code}: {error.message}")
                print(f"  nothing was sent; {error.retry_after or 0:.0f} s until the next day (UTC)")


def count_tokens() -> None:
    """Count tokens by `rat`."""
    with tempfile.TemporaryDirectory(prefix="ratatoskr-demo-") as folder:
        print("\n--- tokens, on this machine\n", flush=True)
        rat(folder, "tokens", "-m", "gpt-5.4", QUERY)
        rat(folder, "tokens", "-m", "claude-sonnet-5", QUERY)
        rat(folder, "tokenize", "-m", "gpt-5.4", "Yggdrasil grows")


def search() -> None:
    """Download an embedding model and search a small corpus with it, by `rat`."""
    print(f"\n--- {EMBEDDER}: a search by meaning, on this machine\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="ratatoskr-demo-") as folder:
        Path(folder, "corpus.txt").write_text(CORPUS, encoding="utf-8")
        if not rat(folder, "models", "pull", EMBEDDER):
            print(f"{EMBEDDER} cannot be downloaded here, so the search is skipped.")
            return
        if not rat(folder, "embed", "-m", EMBEDDER, "--lines", "corpus.txt", "--npy", "corpus.npy"):
            print("Embedding failed, so the search is skipped.")
            return
        rat(folder, "embed", "-m", EMBEDDER, "--lines", "corpus.txt", "--search", QUERY, "--top", "3")


def inference_step() -> str:
    """Return the commands for inference and classification, which need a model that is downloaded from a hub."""
    return "\n".join(
        (
            f"\n--- {CLASSIFIER}: classification without training, on this machine\n",
            "It needs a model of about 570 MB from huggingface.co, once:",
            f"$ rat models pull {CLASSIFIER}",
            f"$ rat classify -m {CLASSIFIER} --labels refund,praise 'I want my money back.'",
            f"$ rat nli -m {CLASSIFIER} 'A squirrel carries messages.' 'An animal carries something.'",
        )
    )


def rat(folder: str, *arguments: str) -> bool:
    """Print a `rat` command and run it in a folder; return whether it succeeded."""
    print(f"$ {shlex.join(('rat', *arguments))}", flush=True)
    command = [sys.executable, "-m", "ratatoskr.cli.rat", *arguments]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, check=False)  # noqa: S603  # our own arguments
    return done.returncode == 0


def next_step(model: str | None) -> str:
    """Return the command to try next, with `model` or with a key that has to be set first."""
    script = Path(sys.executable).with_name("rat")
    rat_path = os.path.relpath(script) if script.is_relative_to(Path.cwd()) else str(script)
    lines = ["", "--- next", ""]
    if model is None:
        spec = next(spec for spec in SPECS.values() if spec.needs_key)
        model = f"{spec.name}:{spec.example_model}"
        lines.append(f"$ export {spec.key_variables[0]}=…   # or the key of another provider: docs/providers.md")
    return "\n".join([*lines, f'$ {rat_path} chat -m {model} "Who runs along the ash tree?"'])


async def main() -> tuple[int, str | None]:
    """Run the chat part and return the exit status, and the real model if one answered."""
    model = None
    async with AsyncExitStack() as stack:
        opened = await open_real_model(stack)
        if opened is None:
            print("Using a scripted provider on this machine: its answers are canned, the HTTP traffic is real.")
            opened = await open_scripted_model(stack)
        else:
            model = opened[1]
        try:
            await show(*opened)
            await show_outage()
            await show_budget()
        except RatatoskrError as error:
            print(f"\n{error.code}: {error}", file=sys.stderr)
            return 1, None
    return 0, model


if __name__ == "__main__":
    try:
        status, model = asyncio.run(main())
        count_tokens()
        search()
        print(inference_step())
        print(next_step(model))
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)
