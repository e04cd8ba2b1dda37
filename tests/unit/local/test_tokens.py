"""`TokenizerRegistry`: counts that are exact or say that they are not, mappings, files, and cuts."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from ratatoskr import ImagePart, Message, TokenizerRegistry, ToolDefinition
from ratatoskr.errors import ConfigurationError, InvalidInput, ModelNotAvailable, UnsupportedParameter
from ratatoskr.gateway.tokens import count_request
from ratatoskr.local.store.tokenizers import pull_tokenizer
from ratatoskr.types.part import FilePart
from ratatoskr.types.tokens import CountRequest
from unit.core.token_texts import make_texts
from unit.local.engine.test_tokenizer import bytes_of_roberta
from unit.local.hub_server import CUSTOM, hub

TEXT = "Who runs along the ash tree? 🐿️"


@pytest.fixture
def registry(tmp_path: Path) -> TokenizerRegistry:
    return TokenizerRegistry(cache_dir=tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model" / "tokenizer.json"
    path.parent.mkdir()
    path.write_bytes(bytes_of_roberta())
    return path


def test_an_own_tokenizer_counts_exactly(registry: TokenizerRegistry) -> None:
    count = registry.count_tokens("hello world", "gpt-4o")
    assert (count.tokens, count.kind, count.error_band, count.tokenizer) == (2, "exact", 0.0, "o200k_base")
    assert (count.low, count.high, count.model) == (2, 2, "gpt-4o")
    assert registry.count_tokens("", "gpt-4o").tokens == 0
    assert registry.count_tokens("hello world", "cl100k_base").tokenizer == "cl100k_base"


def test_without_it_a_count_is_an_estimate_and_says_so(registry: TokenizerRegistry) -> None:
    count = registry.count_tokens(TEXT * 50, "claude-sonnet-5")
    assert (count.kind, count.tokenizer) == ("estimate", "claude")
    assert 0 < count.error_band < 0.5
    assert count.low < count.tokens < count.high
    assert registry.count_tokens(TEXT, "deepseek-chat").kind == "estimate", "its tokenizer is known, but not here"


@pytest.mark.parametrize(
    ("model", "hint"), [("deepseek-chat", "rat models pull --tokenizer"), ("claude-5", "provider")]
)
def test_local_never_estimates(registry: TokenizerRegistry, model: str, hint: str) -> None:
    with pytest.raises(ModelNotAvailable, match=hint):
        registry.count(CountRequest(model, TEXT, method="local"))
    with pytest.raises(ModelNotAvailable, match=hint):
        registry.tokenize(TEXT, model)


def test_a_conversation_is_an_estimate_even_with_the_own_tokenizer(registry: TokenizerRegistry) -> None:
    def count(*messages: Message, **options: Any) -> Any:
        given = {"tools": (), "response_format": None, "timeout": None, **options}
        return registry.count(count_request(messages, "gpt-4o", "auto", **given))

    plain = count(Message.system("Be brief."), Message.user(TEXT))
    assert (plain.kind, plain.tokenizer) == ("estimate", "o200k_base")
    tool = ToolDefinition("look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}})
    assert count(Message.user(TEXT), tools=[tool]).tokens > count(Message.user(TEXT)).tokens
    picture = ImagePart.from_bytes(b"x", "image/png")
    seen = count(Message("user", (picture,)))
    assert seen.error_band > plain.error_band
    notes = FilePart.from_bytes(b"hello world " * 100, "text/plain")
    assert count(Message("user", (notes,))).tokens > 200


@pytest.mark.parametrize("part", [FilePart.from_bytes(b"%PDF", "application/pdf"), FilePart.from_url("https://a.b/c")])
def test_what_only_the_provider_can_count_is_refused(registry: TokenizerRegistry, part: FilePart) -> None:
    request = count_request([Message("user", (part,))], "gpt-4o", "auto", (), None, None)
    with pytest.raises(UnsupportedParameter, match=r"messages\[0\] holds a FilePart.*method='provider'") as caught:
        registry.count(request)
    assert caught.value.field == "messages"


@pytest.mark.parametrize("text", [TEXT, TEXT * 40_000, "a" * 700_000], ids=["short", "long", "ASCII"])
def test_a_long_text_is_counted_in_parts_and_gives_the_same(registry: TokenizerRegistry, text: str) -> None:
    assert registry.count_tokens(text, "gpt-4").tokens == len(registry.tokenize(text, "gpt-4"))


def test_wrong_input_is_named(registry: TokenizerRegistry) -> None:
    with pytest.raises(InvalidInput, match="surrogate"):
        registry.count_tokens("a\ud800" + "é" * 300_000, "gpt-4o")
    with pytest.raises(InvalidInput, match="input must be a str"):
        registry.count_tokens(b"x", "gpt-4o")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="model must be"):
        registry.count_tokens("x", " ")
    with pytest.raises(InvalidInput, match="text 1 "):
        registry.tokenize_batch(["a", "\udc00"], "gpt-4o")
    with pytest.raises(InvalidInput, match="sequence of str"):
        registry.tokenize_batch("abc", "gpt-4o")
    with pytest.raises(InvalidInput, match="method must be"):
        CountRequest("m", "x", method="exact")  # type: ignore[arg-type]


def test_tokens_have_ids_slices_pieces_and_places(registry: TokenizerRegistry) -> None:
    tokens = registry.tokenize("né 🐿️", "gpt-4o")
    text = tokens.text
    for token in tokens:
        assert token.text == text[token.start : token.end]
        assert text.encode()[token.byte_start : token.byte_end] in token.text.encode()
    assert tokens[0] == next(iter(tokens))
    assert [token.id for token in tokens] == tokens.ids.tolist()
    assert any(token.piece.startswith("\\x") or "\\x" in token.piece for token in tokens), "a part of a character"
    with pytest.raises(IndexError):
        tokens[len(tokens)]
    assert repr(tokens) == f"Tokenization({len(tokens)} tokens, model='gpt-4o', tokenizer='o200k_base')"


def test_many_texts_are_one_batch_in_order(registry: TokenizerRegistry) -> None:
    texts = make_texts(1500, seed=3)
    batch = registry.tokenize_batch(texts, "gpt-4o")
    assert len(batch) == len(texts)
    for text, tokens in zip(texts, batch, strict=True):
        assert tokens.text is text
        assert tokens.ids.tolist() == registry.tokenize(text, "gpt-4o").ids.tolist()
    assert batch[-1].text is texts[-1]


# Mappings


def test_your_own_tokenizers_are_used(file: Path, tmp_path: Path) -> None:
    registry = TokenizerRegistry(
        {"house-*": file, "alias": "house-1", "other": "gpt-4o", "Folder": str(file.parent)}, cache_dir=tmp_path
    )
    exact = registry.count_tokens("abab", "house-2")
    assert (exact.kind, exact.tokens, exact.tokenizer) == ("exact", 1, str(file))
    assert registry.count_tokens("abab", "provider:alias").tokenizer == str(file)
    assert registry.count_tokens("abab", "other").tokenizer == "o200k_base"
    assert registry.count_tokens("abab", "folder").tokens == 1
    assert registry.tokenize("ab abab", "house-2")[0].piece == "ab"


@pytest.mark.parametrize(
    ("mappings", "message"),
    [
        ({"a": "b", "b": "c", "c": "a"}, "in a circle: a -> b -> c -> a"),
        ({"a": "a"}, "in a circle: a -> a"),
        ({"x": "a", "a*": "abc"}, r"in a circle: a\* -> a\*"),
        ({"a": "nothing known"}, "'a' is mapped to 'nothing known', which is neither"),
        ({"a": ""}, "must map names"),
        ({"": "gpt-4o"}, "must map names"),
        ({"a": 5}, "must map names"),
        ("o200k_base", "must map names of models to tokenizers, not be a str"),
    ],
)
def test_mappings_that_lead_nowhere_are_refused(mappings: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        TokenizerRegistry(mappings)
    assert caught.value.field == "tokenizers"


def test_a_tokenizer_of_another_model_is_refused(file: Path, tmp_path: Path) -> None:
    mapped = TokenizerRegistry({"gpt-4o": "cl100k_base"}, cache_dir=tmp_path)
    with pytest.raises(ConfigurationError, match="has the encoding o200k_base"):
        mapped.count_tokens("x", "gpt-4o")
    (file.parent / "config.json").write_text(json.dumps({"vocab_size": 10}))
    with pytest.raises(ConfigurationError, match="the tokenizer of another model"):
        TokenizerRegistry({"m": file}).count_tokens("x", "m")


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff"])
def test_a_broken_file_is_an_error_that_names_it(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="tokenizer"):
        TokenizerRegistry({"m": file}).count_tokens("x", "m")
    file.unlink()
    with pytest.raises(ModelNotAvailable, match=r"no tokenizer .*tokenizer\.json"):
        TokenizerRegistry({"m": file}).count_tokens("x", "m")


def test_several_threads_load_a_tokenizer_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ratatoskr.local.tokens as module

    reads: list[Any] = []
    real = module.read_tokenizer_file
    monkeypatch.setattr(module, "read_tokenizer_file", lambda *given: reads.append(given) or real(*given))
    registry = TokenizerRegistry({"m": file})
    threads = [threading.Thread(target=registry.count_tokens, args=("abab", "m")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1


# Tokenizers alone, from the hub


def test_a_pulled_tokenizer_makes_counts_exact(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file.parent / "model.safetensors").write_bytes(b"large")
    store = tmp_path / "store"
    store.mkdir()
    registry = TokenizerRegistry({"m": CUSTOM}, cache_dir=store)
    assert registry.count_tokens("abab", "m").kind == "estimate"
    with hub({CUSTOM: file.parent}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        folder = pull_tokenizer(CUSTOM, cache_dir=store)
        assert pull_tokenizer(CUSTOM, cache_dir=store) == folder
        assert len(server.asked_for("tokenizer.json")) == 1
        assert not server.asked_for("model.safetensors")
    found = registry.count_tokens("abab", "m")
    assert (found.kind, found.tokens, found.tokenizer) == ("exact", 1, CUSTOM)
    (folder / "tokenizer.json").write_bytes(b"{}")
    with pytest.raises(ConfigurationError, match="not what was pulled"):
        TokenizerRegistry({"m": CUSTOM}, cache_dir=store).count_tokens("abab", "m")


def test_a_repository_without_a_tokenizer_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    with hub({CUSTOM: tmp_path / "empty"}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        with pytest.raises(ConfigurationError, match=r"tokenizer\.json is not among its files"):
            pull_tokenizer(CUSTOM, cache_dir=tmp_path)


# Cuts


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4", "m"])
def test_a_cut_text_fits_and_breaks_no_character(file: Path, model: str) -> None:
    registry = TokenizerRegistry({"m": file})
    texts = [text for text in make_texts(700, seed=5) if text]
    for text in [*texts, "🐿️" * 50, "  a", "word " * 3000]:
        whole = len(registry.tokenize(text, model))
        for limit in (0, 1, 2, whole - 1, whole, whole + 1):
            cut = registry.fit_tokens(text, model, max(limit, 0))
            assert text.startswith(cut)
            assert len(registry.tokenize(cut, model)) <= max(limit, 0)
            assert (cut == text) == (whole <= limit) or whole == 0


def test_a_cut_takes_all_that_fits_of_plain_text(registry: TokenizerRegistry) -> None:
    text = "one two three four five six " * 100
    for limit in (1, 7, 100):
        assert registry.count_tokens(registry.fit_tokens(text, "gpt-4o", limit), "gpt-4o").tokens == limit
    assert registry.fit_tokens("x" * 10_000_000, "gpt-4o", 3).count("x") > 3


@pytest.mark.parametrize("limit", [-1, 1.5, True, None, "3"])
def test_a_limit_is_a_whole_number(registry: TokenizerRegistry, limit: Any) -> None:
    with pytest.raises(InvalidInput, match="max_tokens must be a whole number"):
        registry.fit_tokens("x", "gpt-4o", limit)
