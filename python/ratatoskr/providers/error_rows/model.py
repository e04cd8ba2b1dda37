"""Rows of models that a provider does not know, or does not serve to this request."""

from __future__ import annotations

from ratatoskr.errors import ModelNotAvailable, ModelNotFound, UnsupportedParameter
from ratatoskr.providers.error_rows.row import CLIENT_ERROR, NOT_FOUND, Row


def _code(code: str, source: str) -> Row:
    return Row(ModelNotFound, source, CLIENT_ERROR, code=code)


def _words(pattern: str, example: str, source: str) -> Row:
    return Row(ModelNotFound, source, NOT_FOUND, None, pattern, example)


def _unavailable_words(pattern: str, example: str, source: str, reason: str = "not_served") -> Row:
    return Row(ModelNotAvailable, source, NOT_FOUND, None, pattern, example, reason=reason)


ROWS: tuple[Row, ...] = (
    _code("model_not_found", "OpenAI, Groq, Cerebras, Error codes, 2026-11"),
    _code("model_not_supported", "Hugging Face router, public reports, 2026-11"),
    _code("deployment_not_found", "Azure gateways, public reports, 2026-11"),
    _code("deploymentnotfound", "Azure OpenAI, public reports, 2026-11"),
    _code("model_not_exist", "gateways, public reports, 2026-11"),
    _code("invalid_model", "Mistral, Perplexity, public reports, 2026-11"),
    _code("unknown_model", "GitHub Models, public reports, 2026-11"),
    _code("1211", "Z.ai, Error codes: model does not exist, 2026-11"),
    Row(ModelNotAvailable, "Together, public reports, 2026-11", CLIENT_ERROR, "model_not_available"),
    Row(ModelNotAvailable, "Groq, Deprecations, 2026-11", CLIENT_ERROR, "model_decommissioned", reason="gone"),
    Row(UnsupportedParameter, "OpenAI, Error codes, 2026-11", CLIENT_ERROR, "unsupported_parameter"),
    Row(UnsupportedParameter, "OpenAI, Error codes, 2026-11", CLIENT_ERROR, "unsupported_value"),
    _unavailable_words(
        "unable to access non-serverless model",
        "Unable to access non-serverless model m/m.",
        "Together, public reports, 2026-11",
    ),
    _unavailable_words(
        r"\bmodel\b.{0,200}\bhas been decommissioned",
        "The model `m` has been decommissioned and is no longer supported.",
        "Groq, Deprecations, 2026-11",
        "gone",
    ),
    _unavailable_words(
        "no endpoints (found )?(that )?support",
        "No endpoints found that support tool use.",
        "OpenRouter, public reports, 2026-11",
    ),
    _unavailable_words(
        "no endpoints (found |available )?matching your (data policy|guardrail)",
        "No endpoints found matching your data policy.",
        "OpenRouter, public reports, 2026-11",
    ),
    _unavailable_words(
        "no allowed providers are available",
        "No allowed providers are available for the selected model.",
        "OpenRouter, public reports, 2026-11",
    ),
    _words("no endpoints found for", "No endpoints found for a/b.", "OpenRouter, public reports, 2026-11"),
    _words(
        "is not a valid model( id)?$|is not a valid model id",
        "a/b is not a valid model ID",
        "OpenRouter, Errors, 2026-11",
    ),
    _words("^model not exist", "Model Not Exist", "DeepSeek, public reports, 2026-11"),
    _words(
        "^invalid model\\b(?! (parameter|config|setting|option|input|output))",
        "Invalid model: mistral-large-9",
        "Mistral, Perplexity, public reports, 2026-11",
    ),
    _words("^model:", "model: claude-sonet-4-5", "Anthropic, Errors, 2026-11"),
    _words(
        r"^(the )?(requested )?models?\b[^.]{0,200}\b((is |was )?not found|does ?n[o']t exist|(is )?unknown)\b",
        "The model `m` does not exist or you do not have access to it.",
        "OpenAI, vLLM, Groq, Cerebras, Z.ai, 2026-11",
    ),
    _words(
        r"\bmodels?[ /:]+[`'\"]?[\w./:@-]{1,200}[`'\"]?,? ((is |was )?not found|does not exist)",
        "Error: model 'm:1b' not found",
        "Ollama, Google, public reports, 2026-11",
    ),
    _words("^unknown model\\b", "Unknown model: m", "GitHub Models, public reports, 2026-11"),
    _words(
        "api deployment for this resource does not exist",
        "The API deployment for this resource does not exist.",
        "Azure OpenAI, public reports, 2026-11",
    ),
    _words(
        "is not a chat model",
        "This is not a chat model and thus not supported in the v1/chat/completions endpoint.",
        "OpenAI, public reports, 2026-11",
    ),
    _words(
        "^the provided model identifier is invalid",
        "The provided model identifier is invalid.",
        "Bedrock, public reports, 2026-11",
    ),
    _words(
        "^publisher model\\b.{0,300}\\bnot found",
        "Publisher Model `projects/p/locations/l/publishers/google/models/m` was not found",
        "Vertex AI, public reports, 2026-11",
    ),
    _words(
        "^model not found",
        "Model not found, inaccessible, and/or not deployed",
        "Fireworks, xAI, public reports, 2026-11",
    ),
    _words(
        r"^no model (named|with|found)\b|^failed to load model|^no models loaded",
        "No models loaded. Please load a model",
        "LM Studio, public reports, 2026-11",
    ),
)
