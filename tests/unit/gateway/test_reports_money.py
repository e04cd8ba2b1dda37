"""Public reports of wrong costs elsewhere, each by its number: what the same answer costs here."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from ratatoskr import ChatResponse, Ratatoskr
from ratatoskr.testing import Reply, ScriptedUpstream


def chat(usage: dict[str, Any], **members: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Hello."}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return {"id": "1", "object": "chat.completion", "created": 1, "choices": [choice], "usage": usage, **members}


def responses(usage: dict[str, Any], **members: Any) -> dict[str, Any]:
    text = {"type": "output_text", "text": "Hello.", "annotations": []}
    message = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [text]}
    return {"id": "1", "object": "response", "status": "completed", "output": [message], "usage": usage, **members}


def messages(usage: dict[str, Any], **members: Any) -> dict[str, Any]:
    text = {"type": "text", "text": "Hello."}
    return {"id": "1", "type": "message", "role": "assistant", "content": [text], "stop_reason": "end_turn"} | {
        "usage": usage,
        **members,
    }


def gemini(usage: dict[str, Any], **members: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": "Hello."}]}
    return {"candidates": [{"index": 0, "finishReason": "STOP", "content": content}], "usageMetadata": usage, **members}


def openai_usage(prompt: int, answer: int, *, reasoning: int = 0, **details: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {name: n for name, n in details.items() if not name.startswith("output_")},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            **{name.removeprefix("output_"): n for name, n in details.items() if name.startswith("output_")},
        },
    }


class Report(NamedTuple):
    """A report, and what its answer costs; `None` where that is unknown."""

    number: str
    model: str
    answer: dict[str, Any]
    dollars: str | None
    tier: str | None = None


BYOK = {"upstream_inference_cost": 0.0360795, "upstream_inference_prompt_cost": 0.0343845}
SPLIT = {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 1_000}
REPORTS = [
    # cached tokens once, at their own rate
    Report(
        "BerriAI/litellm#14849",
        "google:gemini-2.5-pro",
        gemini({"promptTokenCount": 262_960, "cachedContentTokenCount": 257_955, "candidatesTokenCount": 1_744}),
        "0.10316125",
    ),
    Report("BerriAI/litellm#6215", "openai:gpt-4o", chat(openai_usage(2_006, 300, cached_tokens=1_920)), "0.005615"),
    Report(
        "Aider-AI/aider#5516",
        "anthropic:claude-haiku-4-5",
        messages({"input_tokens": 9, "cache_read_input_tokens": 17_102, "output_tokens": 10}),
        "0.0017692",
    ),
    Report(
        "BerriAI/litellm#14874",
        "xai:grok-4.7",
        chat(openai_usage(616, 100, text_tokens=616, cached_tokens=615)),
        "0.0009095",
    ),
    Report(
        "BerriAI/litellm#37407",
        "xai:grok-4.7",
        chat(openai_usage(2_461, 303, text_tokens=1_319, image_tokens=1_142, cached_tokens=2_432)),
        "0.003092",
    ),
    Report(
        "BerriAI/litellm#37407 with the bill",
        "xai:grok-4.7",
        chat(openai_usage(2_461, 606, cached_tokens=2_432) | {"cost_in_usd_ticks": 49_100_000}),
        "0.00491",
    ),
    # writes to caches, by how long they are kept
    Report(
        "pydantic/genai-prices#486",
        "openai:gpt-6-sol",
        responses(
            {
                "input_tokens": 3_000,
                "input_tokens_details": {"cached_tokens": 1_000, "cache_write_tokens": 1_500},
                "output_tokens": 100,
            }
        ),
        "0.00595",
    ),
    Report(
        "shaharia-lab/agento#193",
        "anthropic:claude-sonnet-5",
        messages(
            {"input_tokens": 10, "output_tokens": 10, "cache_creation_input_tokens": 1_500, "cache_creation": SPLIT}
        ),
        "0.00537",
    ),
    # a bill, zero among them, and the caller's own key
    Report(
        "AutomatosAI/automatos-ai#745",
        "openrouter:openai/gpt-4.1",
        chat(openai_usage(10, 5) | {"cost": 0.01, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.01}}),
        "0.01",
    ),
    Report(
        "tailcallhq/forgecode#1641",
        "openrouter:openai/gpt-4.1",
        chat(openai_usage(9_171, 113, reasoning=55) | {"cost": 0, "is_byok": True, "cost_details": BYOK}),
        "0.0360795",
    ),
    Report("LionSR/TeXRA#8526", "openrouter:openai/gpt-4.1", chat(openai_usage(1_000, 1_000) | {"cost": 0}), "0"),
    Report("SWE-agent/mini-swe-agent#591", "openrouter:qwen/qwen3-coder:free", chat(openai_usage(9, 9)), "0"),
    Report(
        "Alishahryar1/free-claude-code#297",
        "openrouter:qwen/qwen3-coder:free",
        chat(openai_usage(900_000, 26_000) | {"cost": 0.14}),
        "0.14",
    ),
    # thoughts once
    Report("decolua/9router#2762", "openai:gpt-5", chat(openai_usage(1_000, 1_000, reasoning=900)), "0.01125"),
    Report(
        "confident-ai/deepeval#2943",
        "google:gemini-2.5-pro",
        gemini({"promptTokenCount": 1_000, "candidatesTokenCount": 150, "thoughtsTokenCount": 8_000}),
        "0.08275",
    ),
    # audio at its own rate, and never at none
    Report(
        "langwatch/langwatch#7036",
        "openai:gpt-audio-mini",
        chat(openai_usage(15, 47, text_tokens=15, output_text_tokens=13, output_audio_tokens=34)),
        "0.0007202",
    ),
    Report(
        "BerriAI/litellm#19764",
        "openai:gpt-audio",
        chat(openai_usage(17, 592, text_tokens=17, output_text_tokens=110, output_audio_tokens=482)),
        "0.0319905",
    ),
    Report(
        "BerriAI/litellm#37661",
        "google:gemini-2.5-pro",
        gemini(
            {
                "promptTokenCount": 1_000,
                "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 1_000}],
                "candidatesTokenCount": 0,
            }
        ),
        "0.00125",
    ),
    # by the tier that the answer names
    Report(
        "BerriAI/litellm#31837",
        "openai:gpt-4.1",
        chat(openai_usage(1_000, 100), service_tier="default"),
        "0.0028",
        "priority",
    ),
    Report(
        "BerriAI/litellm#13810",
        "openai:gpt-5",
        chat(openai_usage(1_000, 100), service_tier="flex"),
        "0.001125",
        "flex",
    ),
    Report(
        "ding113/claude-code-hub#1117",
        "openai:gpt-6-sol",
        chat(openai_usage(272_001, 100), service_tier="priority"),
        "2.179008",
    ),
    # by the model's own name, and no other's
    Report(
        "2389-research/dippin-lang#301",
        "anthropic:claude-haiku-4-5-20251001",
        messages({"input_tokens": 1_000, "output_tokens": 100}),
        "0.0015",
    ),
    Report(
        "hydropix/TranslateBooksWithLLMs#272",
        "openai:gpt-4o-mini-2024-07-18",
        chat(openai_usage(1_000, 100)),
        "0.00021",
    ),
    Report("Hive-Academy/ptah-extension#536", "openai:gpt-5.9-codex", chat(openai_usage(1_000, 100)), None),
    Report(
        "yonatangross/orchestkit#3909",
        "google:gemini-3.8-flash-cyber",
        gemini({"promptTokenCount": 1_000, "candidatesTokenCount": 150}),
        None,
    ),
    Report(
        "latitude-dev/latitude-llm#4620",
        "anthropic:claude-fable-5-9",
        messages({"input_tokens": 1_000, "output_tokens": 100}),
        None,
    ),
    Report("latitude-dev/latitude-llm#4415", "openrouter:minimax/minimax-m2.55", chat(openai_usage(10, 10)), None),
    Report("jain-aanchal/ai-tally#390", "openai:gpt-4o-20251399", chat(openai_usage(10, 10)), None),
    Report("onyx-dot-app/onyx#14947", "openai:no-such-model", chat(openai_usage(10, 10)), None),
]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.number)
async def test_an_answer_costs_what_it_must(report: Report) -> None:
    provider, _, model = report.model.partition(":")
    body = json.dumps(report.answer | ({} if "candidates" in report.answer else {"model": model})).encode()
    options: Any = {"api": "chat_completions"} if provider == "openai" and "choices" in report.answer else {}
    async with ScriptedUpstream(Reply(200, {"content-type": "application/json"}, [body])) as up:
        builder = Ratatoskr.builder().retries(0)
        getattr(builder, provider)("key", base_url=up.base_url("openai").removesuffix("/v1"), **options)
        async with builder.build() as gateway:
            response: ChatResponse[Any] = await gateway.chat("Hi", report.model, service_tier=report.tier)
    cost = response.cost
    assert (None if cost is None else cost.amount) == (None if report.dollars is None else Decimal(report.dollars))
    if cost is not None:
        assert sum((item.amount for item in cost.items), Decimal(0)) == cost.amount or cost.source == "provider"
