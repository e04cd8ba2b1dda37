"""Servers of models that one runs oneself. They are configured by their address and are not looked for."""

from __future__ import annotations

from ratatoskr.providers.specs.row import ProviderSpec


def _server(
    name: str,
    title: str,
    base_url: str,
    key: str,
    example_model: str,
    source: str,
    *flags: str,
    note: str = "",
    chats: bool = True,
) -> ProviderSpec:
    return ProviderSpec(
        name,
        title,
        base_url,
        key_variables=(key,),
        base_url_path="/v1",
        needs_key=False,
        configured_by="address",
        capabilities=("chat", "models") if chats else (),
        flags=frozenset(flags),
        example_model=example_model,
        note=note,
        source=source,
    )


ROWS: tuple[ProviderSpec, ...] = (
    _server(
        "llamacpp",
        "llama.cpp",
        "http://localhost:8080/v1",
        "LLAMA_API_KEY",
        "ggml-org/gemma-3-4b-it-GGUF",
        "github.com/ggml-org/llama.cpp tools/server/README.md, from memory; mintlify.com/ggml-org/llama.cpp, 2026-11",
        "template_thinking",
        note="the server answers with the model it has loaded, whatever the name",
    ),
    _server(
        "lmstudio",
        "LM Studio",
        "http://localhost:1234/v1",
        "LM_API_TOKEN",
        "openai/gpt-oss-20b",
        "lmstudio.ai/docs/api/openai-api and lmstudio.ai/docs/developer, 2026-11; the variable of the key from memory",
    ),
    _server(
        "localai",
        "LocalAI",
        "http://localhost:8080/v1",
        "LOCALAI_API_KEY",
        "qwen3-4b",
        "localai.io/basics/getting_started, 2026-11; the example from memory",
    ),
    _server(
        "sglang",
        "SGLang",
        "http://localhost:30000/v1",
        "SGLANG_API_KEY",
        "qwen/qwen2.5-0.5b-instruct",
        "docs.sglang.io/docs/basic_usage/openai_api_completions, 2026-11; the variable of the key is ours",
        "template_thinking",
    ),
    _server(
        "tgi",
        "Text Generation Inference",
        "http://localhost:3000/v1",
        "TGI_API_KEY",
        "tgi",
        "huggingface.co/docs/text-generation-inference/messages_api, 2026-11; the variable of the key is ours",
        note="the server answers with the model it has loaded, whatever the name",
    ),
    _server(
        "tei",
        "Text Embeddings Inference",
        "http://localhost:8081/v1",
        "TEI_API_KEY",
        "BAAI/bge-m3",
        "huggingface.github.io/text-embeddings-inference, 2026-11, from memory; the variable of the key is ours",
        note="the server answers with the model it has loaded, whatever the name; has no chat models",
        chats=False,
    ),
    _server(
        "vllm",
        "vLLM",
        "http://localhost:8000/v1",
        "VLLM_API_KEY",
        "Qwen/Qwen3-4B",
        "docs.vllm.ai/en/stable/serving/openai_compatible_server.html, 2026-11",
        "template_thinking",
    ),
)
