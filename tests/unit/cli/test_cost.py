"""`rat cost`: saved answers, their tokens at other models, and files that hold something else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from unit.cli.in_process import run


def answer(provider: str = "openai", model: str = "gpt-4.1", cost: Any = None, **usage: Any) -> dict[str, Any]:
    counts = {"type": "usage", "input_tokens": 1_000, "output_tokens": 100, "source": "provider", **usage}
    return {"type": "chat_response", "provider": provider, "model": model, "usage": counts, "cost": cost}


BILL = {"type": "cost", "amount": "0.0123", "currency": "USD", "source": "provider"}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "answers.jsonl"
    rows = [answer(), answer("openrouter", "some/model", BILL), answer("openai", "my-model")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_items_the_bill_and_the_total_are_shown(saved: Path) -> None:
    result = run("cost", str(saved))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "openai:gpt-4.1: 0.0028 USD (catalogue of 2026-11-20)",
        "  input   1,000 at 2.00 a million: 0.002",
        "  output  100 at 8.00 a million: 0.0008",
        "openrouter:some/model: 0.0123 USD (as billed)",
        "openai:my-model: its price is unknown",
        "total 0.0151 USD; the price of 1 of 3 is unknown",
    ]


def test_one_document_and_a_list_are_read_too(tmp_path: Path) -> None:
    for value in (answer(), [answer()]):
        (tmp_path / "one.json").write_text(json.dumps(value, indent=2))
        assert run("cost", str(tmp_path / "one.json")).stdout.startswith("openai:gpt-4.1: 0.0028 USD")


def test_the_same_tokens_are_priced_as_another_models_in_place_of_the_bill(saved: Path) -> None:
    result = run("cost", "-m", "deepseek:deepseek-v4-flash", "--at", "2026-11-02T03:59", "--json", str(saved))
    rows = json.loads(result.stdout)
    assert [(row["model"], row["cost"]["amount"]) for row in rows] == [("deepseek:deepseek-v4-flash", "0.00042")] * 3
    late = run("cost", "-m", "deepseek:deepseek-v4-flash", "--at", "2026-11-02T04:00", "--json", str(saved))
    assert json.loads(late.stdout)[0]["cost"]["amount"] == "0.00021"


def test_standard_input_is_read(saved: Path) -> None:
    assert run("cost", "-", stdin=saved.read_text()).stdout == run("cost", str(saved)).stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no answer"),
        ("[]", "holds no answer"),
        ("not JSON", "is not JSON, nor JSON by lines"),
        ('{"model": "gpt-4.1"}', "answer 1 of .* has no provider, model and usage"),
        ("[1]", "answer 1 of .* has no provider, model and usage"),
        ('{"provider": "p", "model": "m", "usage": {"input_tokens": "many"}}', "answer 1 of .*: .*input_tokens"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_file_of_something_else_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    result = run("cost", str(path))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.search(message, result.stderr)
    assert "Traceback" not in result.stderr


def test_names_from_a_file_cannot_control_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(answer(model="gpt\x1b[2J\r")))
    assert "\x1b[2J" not in run("cost", str(path)).stdout


def write(folder: Path, *rows: Any, before: bytes = b"", end: str = "\n") -> str:
    path = folder / "answers.jsonl"
    path.write_bytes(before + "".join(json.dumps(row) + end for row in rows).encode())
    return str(path)


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_read(tmp_path: Path) -> None:
    for rows in ([answer()], [answer(), answer()]):
        result = run("cost", write(tmp_path, *rows, before=b"\xef\xbb\xbf", end="\r\n"))
        assert (result.exit_code, result.stdout[:27]) == (0, "openai:gpt-4.1: 0.0028 USD ")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (answer(input_tokens=-5), "input_tokens must be a whole number, not below 0, not -5"),
        (answer(input_tokens=5.5), "input_tokens must be"),
        (answer(input_tokens=float("inf")), "input_tokens must be"),
        (answer(input_tokens=True), "input_tokens must be"),
        (answer(details={"type": "usage_details", "web_searches": -1}), "web_searches must be a whole number"),
        (answer(cost={**BILL, "amount": 0.1}), "amount must be a decimal number as text"),
        (answer(cost={**BILL, "amount": "NaN"}), "amount must be a decimal number as text"),
        (answer(cost={**BILL, "amount": "1e"}), "amount must be a decimal number as text"),
        (answer(cost={**BILL, "amount": "1e999999999"}), "amount is out of range"),
        (answer(cost={**BILL, "amount": "0e-999999999"}), "amount is out of range"),
        ({**answer(), "model": 5}, "model must be a name, not 5"),
        ({**answer(), "provider": None}, "provider must be a name, not None"),
        ({**answer(), "model": " "}, "model must be a name, not ' '"),
    ],
)
def test_a_wrong_number_or_name_is_an_error_and_no_price(tmp_path: Path, row: dict[str, Any], words: str) -> None:
    result = run("cost", write(tmp_path, row))
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_an_answer_of_a_host_of_your_own_has_the_price_that_you_give_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = write(tmp_path, answer("my-host", "m"), answer())
    assert run("cost", saved).stdout.splitlines()[0] == "my-host:m: its price is unknown"
    (tmp_path / "models.toml").write_text('[models."my-host:m"]\nprice = { input = "1", output = "10" }\n')
    monkeypatch.setenv("RATATOSKR_MODELS", str(tmp_path / "models.toml"))
    assert run("cost", saved).stdout.splitlines()[0] == "my-host:m: 0.002 USD"
    wrong = run("cost", "-m", "no-host:m", saved)
    assert wrong.exit_code == 2
    assert "'no-host' is not a provider" in wrong.stderr
