"""Templates: saved from a command line, filled with its input, listed and removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ratatoskr.cli.rat import rat
from ratatoskr.config.file import read_config
from ratatoskr.config.paths import config_paths
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import run


def texts(upstream: ThreadedUpstream) -> list[str]:
    return [message["content"] for message in upstream.last.json["messages"]]


def save(*arguments: str) -> None:
    result = run("chat", *arguments)
    assert (result.exit_code, result.stdout) == (0, ""), result.stderr


def test_a_template_gives_the_prompt_the_system_and_the_model(upstream: ThreadedUpstream) -> None:
    save("-s", 'Be "brief".', "-m", "openai:gpt-4.1", "--save", "review", "Review:\n$input\n${input}!\n$inputs")
    assert upstream.count == 0
    assert oct(config_paths()[0].stat().st_mode & 0o777) == "0o600"
    assert run("chat", "-t", "review", upstream=upstream, stdin=r"a $1 \1").exit_code == 0
    assert upstream.last.json["model"] == "gpt-4.1"
    assert texts(upstream) == ['Be "brief".', "Review:\na $1 \\1\na $1 \\1!\n$inputs"]
    run("chat", "--template", "review", "-s", "Shout.", "-m", "openai:gpt-4o", "x", upstream=upstream, stdin="in")
    assert upstream.last.json["model"] == "gpt-4o"
    assert texts(upstream) == ["Shout.", "Review:\nin\n\nx\nin\n\nx!\n$inputs"]


def test_without_input_in_the_prompt_the_text_follows_it(upstream: ThreadedUpstream) -> None:
    save("--save", "translate", "Translate to Latin.")
    arguments = ("chat", "-m", "openai:gpt-4.1", "-t", "translate")
    run(*arguments, "Hi", upstream=upstream)
    assert texts(upstream) == ["Translate to Latin.\n\nHi"]
    run(*arguments, upstream=upstream)
    assert texts(upstream) == ["Translate to Latin."]


def test_a_template_that_needs_input_says_so(upstream: ThreadedUpstream, tmp_path: Path) -> None:
    save("--save", "review", "Review $input")
    result = run("chat", "-m", "openai:gpt-4.1", "-t", "review", upstream=upstream)
    assert (result.exit_code, upstream.count) == (2, 0)
    assert "the template has $input: give a PROMPT, or text on standard input" in result.stderr
    (tmp_path / "a.txt").write_text("text of a file")
    assert (
        run("chat", "-m", "openai:gpt-4.1", "-t", "review", "-f", f"{tmp_path}/a.txt", upstream=upstream).exit_code == 0
    )


@pytest.mark.parametrize("number", ["0.5", ".5", "5e-1", "+0.5"])
def test_t_with_a_number_is_the_temperature(upstream: ThreadedUpstream, number: str) -> None:
    save("--save", "nan", "Not a number: $input")
    assert run("chat", "-m", "openai:gpt-4.1", "-t", number, "-t", "nan", "Hi", upstream=upstream).exit_code == 0
    assert upstream.last.json["temperature"] == 0.5
    assert texts(upstream) == ["Not a number: Hi"]


def test_saving_again_replaces_the_whole_template(upstream: ThreadedUpstream) -> None:
    save("-s", "s", "-m", "a:b", "-m", "fast", "--save", "x", "one")
    assert read_config(config_paths()[0]).templates["x"].model == ["a:b", "fast"]
    result = run("chat", "--save", "x", "two")
    assert "replaced the template x" in result.stderr
    assert config_paths()[0].read_text() == '[templates.x]\nprompt = "two"\n'


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--save", "x"), "nothing to save"),
        (("--save", "0.5", "Hi"), "a template's name is"),
        (("--save", "x", "-f", "a.txt", "Hi"), "--save keeps PROMPT, -s and -m, not --file"),
        (("--save", "x", "-t", "0.5", "Hi"), "not -t"),
        (("-t", "x", "-t", "y", "Hi"), "only one template is used: x or y"),
        (("-t", "1", "--temperature", "0", "Hi"), "the temperature is given twice: 0 and 1"),
        (("-t", "reviw", "Hi"), "there is no template 'reviw'; did you mean 'review'?"),
    ],
)
def test_mistakes_are_told_before_anything_is_sent(
    upstream: ThreadedUpstream, arguments: tuple[str, ...], words: str
) -> None:
    save("--save", "review", "Review $input")
    before = config_paths()[0].read_text()
    result = (
        run("chat", "-m", "openai:gpt-4.1", *arguments, upstream=upstream)
        if "--save" not in arguments
        else run("chat", *arguments)
    )
    assert (result.exit_code, upstream.count) == (2, 0)
    assert words in result.stderr
    assert config_paths()[0].read_text() == before


def test_templates_are_listed_shown_and_removed() -> None:
    assert "there are no templates" in run("templates", "list").stderr
    save("-s", "Be brief.", "-m", "fast", "--save", "review", "Review this:\n\x1b[31m $input")
    save("--save", "other", "Other")
    assert run("templates", "list").stdout == "review  system: Be brief. Review this: ␛[31m $input\nother  Other\n"
    assert json.loads(run("templates", "list", "--json").stdout)["other"] == {"prompt": "Other"}
    assert run("templates", "show", "review").stdout == (
        "model: fast\nsystem: Be brief.\nprompt: Review this:\n␛[31m $input\n"
    )
    assert "there is no template 'nope'; there are review, other" in run("templates", "rm", "other", "nope").stderr
    assert run("templates", "rm", "review", "other").exit_code == 0
    assert config_paths()[0].read_text() == ""


def test_the_short_form_takes_a_template_too(upstream: ThreadedUpstream) -> None:
    from click.testing import CliRunner

    save("-m", "openai:gpt-4.1", "--save", "x", "Say $input")
    where = f"--base-url=openai={upstream.base_url('openai')}"
    assert CliRunner().invoke(rat, ["-t", "x", where, "Hi"]).exit_code == 0
    assert texts(upstream) == ["Say Hi"]
