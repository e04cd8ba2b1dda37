"""`rat generate`: the completion of a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command

if TYPE_CHECKING:
    from ratatoskr.types.chat import ChatResponse
    from ratatoskr.types.generate import GenerateResponse


@click.command("generate", cls=Command)
@click.argument("prompt", required=False)
@options.model
@options.parameters
@options.as_json
@options.no_stream
@options.plain
@options.usage
@options.where
def generate(
    prompt: str | None,
    models: tuple[str, ...],
    reasoning: Any,
    temperature: float | None,
    max_tokens: int | None,
    timeout: float | None,
    others: tuple[tuple[str, str], ...],
    as_json: bool,
    no_stream: bool,
    plain: bool,
    usage: bool,
    base_urls: tuple[str, ...],
    allow_insecure: bool,
) -> None:
    """Complete a prompt, without tools and without saving.

    Uses the provider's completion endpoint where there is one (Ollama), otherwise a chat with one user message.
    Standard input, if it is not a terminal, comes before PROMPT.
    """
    from ratatoskr.cli.ask import show_notices, show_usage
    from ratatoskr.cli.connect import gateway_for
    from ratatoskr.cli.inputs import read_stdin_text
    from ratatoskr.cli.render import AnswerView, Screen

    models = options.models_or_default(models)
    text = "\n\n".join(text for text in (read_stdin_text(), prompt or "") if text.strip())
    if not text:
        raise click.UsageError("no prompt: give a PROMPT, or text on standard input")
    params = options.Parameters(reasoning, temperature, max_tokens, timeout, others).params()
    screen = Screen()
    view = AnswerView(screen, as_json=as_json, rendered=not plain)
    with gateway_for(models, base_urls=base_urls, allow_insecure=allow_insecure) as gateway:
        try:
            response: GenerateResponse | ChatResponse[None]
            if no_stream:
                response = gateway.generate(text, models, timeout=timeout, **params)
                view.show_response(response)
            else:
                with gateway.generate_stream(text, models, timeout=timeout, **params) as stream:
                    for event in stream:
                        view.show_event(event)
                    response = stream.response
        except KeyboardInterrupt:
            view.interrupted = True
            raise
        finally:
            view.finish_line()
    show_notices(response, screen)
    if usage:
        show_usage([response], screen)
    if response.finish_reason == "content_filter":
        from ratatoskr.cli.failure import FILTERED

        click.get_current_context().exit(FILTERED)
