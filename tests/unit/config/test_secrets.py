"""Keys: where they are found, which files are refused, and that no message, pickle or traceback shows them."""

from __future__ import annotations

import copy
import json
import os
import pickle
import traceback
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.config import secrets
from ratatoskr.config.secrets import find_keys, list_secrets_files, read_secrets
from ratatoskr.errors import ConfigurationError
from ratatoskr.providers.specs import SPECS
from ratatoskr.types.secret import Secret

CANARY = "sk-canary-0123456789"
EXPECTED_VARIABLES = {
    "openrouter": ("OPENROUTER_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "google": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "ollama": ("OLLAMA_API_KEY",),
    "huggingface": ("HF_TOKEN",),
    "groq": ("GROQ_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "together": ("TOGETHER_API_KEY",),
    "xai": ("XAI_API_KEY",),
}
CONTENT = f'[providers.anthropic]\nkey = "{CANARY}"\n'


@pytest.fixture
def folder(empty_environment):
    folder = empty_environment / ".config" / "ratatoskr"
    folder.mkdir(parents=True, mode=0o700)
    return folder


@pytest.fixture
def path(folder):
    return folder / "secrets.toml"


def write(path, content=CONTENT, mode=0o600):
    path.write_text(content)
    path.chmod(mode)
    return path


def refusal(path=None):
    """Return the message of a refusal, after looking for the canary wherever it could have leaked."""
    with pytest.raises(ConfigurationError) as caught:
        find_keys("anthropic") if path is None else read_secrets(path)
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    whole = "".join(report.format()) + repr(caught.value) + str(caught.value.fields())
    for frame, _ in traceback.walk_tb(caught.value.__traceback__):
        if frame.f_code.co_filename == secrets.__file__:
            whole += repr(frame.f_locals)
    ours = "\n".join(line for line in whole.splitlines() if "CONTENT" not in line)
    assert CANARY not in ours
    assert CANARY[:12] not in ours
    return str(caught.value)


# The order


def test_without_variable_and_file_there_is_no_key():
    assert find_keys("anthropic") is None


def test_the_environment_stands_above_the_files(path, monkeypatch):
    write(path)
    monkeypatch.setenv("ANTHROPIC_API_KEY", " from-env \n")
    found = find_keys("anthropic")
    assert (found.key.reveal(), found.origin) == ("from-env", "ANTHROPIC_API_KEY")


def test_the_environment_is_enough_even_if_the_file_is_bad(path, monkeypatch):
    write(path, mode=0o644)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "from-env")
    assert find_keys("anthropic").key.reveal() == "from-env"


def test_an_empty_variable_counts_as_none(path, monkeypatch):
    write(path)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "  ")
    assert find_keys("anthropic").origin == str(path)


def test_google_has_two_variables_in_order(monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", "second")
    assert find_keys("google").key.reveal() == "second"
    monkeypatch.setenv("GEMINI_API_KEY", "first")
    assert find_keys("google").key.reveal() == "first"


def test_the_credentials_of_the_service_stand_above_the_home(path, monkeypatch, tmp_path):
    write(path)
    tmp_path.chmod(0o700)
    write(tmp_path / "secrets.toml", '[providers.anthropic]\nkey = "from-systemd"\n', 0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert find_keys("anthropic").key.reveal() == "from-systemd"
    assert find_keys("anthropic").origin == str(tmp_path / "secrets.toml")


def test_a_provider_that_the_credentials_lack_is_looked_for_in_the_home(path, monkeypatch, tmp_path):
    write(path)
    tmp_path.chmod(0o700)
    write(tmp_path / "secrets.toml", '[providers.openai]\nkey = "x"\n')
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert find_keys("anthropic").key.reveal() == CANARY


def test_the_home_is_used_where_xdg_config_home_is_missing_or_relative(monkeypatch, empty_environment):
    expected = empty_environment / ".config" / "ratatoskr" / "secrets.toml"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert list_secrets_files() == (expected,)
    monkeypatch.setenv("XDG_CONFIG_HOME", "somewhere")
    assert list_secrets_files() == (expected,)


def test_a_file_may_begin_with_a_byte_order_mark_and_have_the_line_ends_of_windows(path):
    write(path).write_bytes(b"\xef\xbb\xbf" + CONTENT.encode().replace(b"\n", b"\r\n"))
    found = find_keys("anthropic")
    assert found is not None
    assert [key.reveal() for key in found.keys] == [CANARY]


def test_several_keys_and_a_host_of_ones_own(path):
    write(path, '[providers.openai]\nkey = ["one", "two"]\n[providers.my-host]\nkey = "three"\n')
    assert [key.reveal() for key in find_keys("openai").keys] == ["one", "two"]
    assert find_keys("my-host").key.reveal() == "three"


def test_every_known_provider_has_its_variables(monkeypatch):
    assert {name: spec.key_variables for name, spec in SPECS.items() if name in EXPECTED_VARIABLES} == (
        EXPECTED_VARIABLES
    )
    monkeypatch.setenv("MY_HOST_API_KEY", "x")
    assert find_keys("my-host") is None


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_variables_of_every_row_are_read_in_their_order(monkeypatch, spec):
    assert spec.key_variables
    assert find_keys(spec.name) is None
    for variable in reversed(spec.key_variables):
        monkeypatch.setenv(variable, f"from-{variable}")
        found = find_keys(spec.name)
        assert (found.key.reveal(), found.origin) == (f"from-{variable}", variable)


@pytest.mark.parametrize("name", SPECS)
def test_the_file_holds_keys_of_every_row(path, name):
    write(path, f'[providers.{name}]\nkey = "from-file"\n')
    assert find_keys(name).origin == str(path)


@pytest.mark.parametrize("value", [f"{CANARY} x", f"{CANARY}\r\nX-Evil: 1", f"{CANARY}é"])
def test_a_variable_that_could_not_stand_in_a_header_is_refused_by_its_name(monkeypatch, value):
    monkeypatch.setenv("ANTHROPIC_API_KEY", value)
    assert "ANTHROPIC_API_KEY" in refusal()


# The file: which are taken, and which refused


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_01_a_file_of_ones_own_is_read(path, mode):
    write(path, mode=mode)
    assert find_keys("anthropic").key.reveal() == CANARY


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602, 0o644, 0o610, 0o440])
def test_02_a_file_that_others_may_use_is_refused(path, mode):
    write(path, mode=mode)
    assert "chmod 600" in refusal()
    assert str(path) in refusal()


def test_03_a_credential_of_roots_may_be_readable_by_its_group(monkeypatch, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can make a file of root's")
    tmp_path.chmod(0o700)
    file = write(tmp_path / "secrets.toml", mode=0o440)
    assert "chmod 600" in refusal(file)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert find_keys("anthropic").key.reveal() == CANARY
    file.chmod(0o460)
    assert "chmod 600" in refusal(file)


def test_04_a_symbolic_link_is_refused_and_called_one(path, tmp_path):
    path.symlink_to(write(tmp_path / "real.toml"))
    assert "symbolic link" in refusal()


def test_05_a_dangling_link_is_refused_too(path):
    path.symlink_to("/nowhere/at/all")
    assert "symbolic link" in refusal()


def test_06_a_pipe_is_refused_without_waiting_for_a_writer(path):
    os.mkfifo(path, 0o600)
    assert "not a regular file" in refusal()


def test_07_a_folder_is_refused(path):
    path.mkdir(mode=0o700)
    assert "not a regular file" in refusal()


def test_08_a_file_with_a_second_name_is_refused(path):
    write(path)
    os.link(path, path.with_name("other"))
    assert "hard links" in refusal()


def test_09_a_file_of_another_user_is_refused(path, monkeypatch):
    write(path)
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr(secrets.os, "geteuid", lambda: os.getuid() + 1)
    assert "another user" in refusal()


def test_10_a_file_of_roots_is_read(path, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root can make a file of root's")
    write(path)
    monkeypatch.setattr(secrets.os, "geteuid", lambda: 12345)
    assert find_keys("anthropic").key.reveal() == CANARY


def test_11_a_file_too_large_is_refused(path):
    write(path, CONTENT + "#" * secrets.MAX_BYTES)
    assert "64 KiB" in refusal()


def test_12_a_file_of_just_the_largest_size_is_read(path):
    write(path, CONTENT + "#" * (secrets.MAX_BYTES - len(CONTENT)))
    assert find_keys("anthropic").key.reveal() == CANARY


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_13_a_folder_that_others_may_change_is_refused(path, folder, mode):
    write(path)
    folder.chmod(mode)
    message = refusal()
    assert str(folder) in message
    assert "chmod go-w" in message
    folder.chmod(0o700)
    folder.parent.chmod(mode)
    assert str(folder.parent) in refusal()


def test_14_a_sticky_folder_above_is_taken(path, folder):
    write(path)
    folder.parent.chmod(0o1777)
    assert find_keys("anthropic").key.reveal() == CANARY


def test_15_a_folder_behind_a_link_is_checked_where_it_really_is(tmp_path, monkeypatch):
    real = tmp_path / "outer" / "real" / "ratatoskr"
    real.mkdir(parents=True, mode=0o700)
    write(real / "secrets.toml")
    (tmp_path / "link").symlink_to(real.parent)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "link"))
    assert find_keys("anthropic").key.reveal() == CANARY
    real.parent.parent.chmod(0o777)  # above the link's target, so not among the parents by name
    assert str(tmp_path / "outer,") in refusal()


def test_16_a_file_that_cannot_be_opened_is_no_missing_file(path, monkeypatch):
    write(path)

    def deny(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(secrets.os, "open", deny)
    assert "cannot be opened (Permission denied)" in refusal()


def test_the_checks_are_made_again_at_every_reading(path):
    write(path)
    assert find_keys("anthropic") is not None
    path.chmod(0o644)
    refusal()


# Its content


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (f'[providers.anthropic]\nkeey = "{CANARY}"\n', 2, "did you mean 'key'"),
        (f'# x\n[provider.anthropic]\nkey = "{CANARY}"\n', 2, "did you mean 'providers'"),
        (f'\n\nkey = "{CANARY}"\n', 3, "known: providers"),
        (f'[providers.anthropic]\n"{CANARY}" = 1\n', 2, "unknown name;"),
        (f'["{CANARY}"]\n', 1, "unknown name;"),
        (f"[providers.anthropic]\nkey = {CANARY}\n", 2, "is not TOML"),
        (f'[providers.anthropic]\nkey = "{CANARY}\n', 2, "is not TOML"),
        (f'[providers.anthropic]\nkey = """{CANARY}\n', 3, "is not TOML"),
        (f'[providers.anthropic]\nkey = ["{CANARY}", 3]\n', 2, "a string or a list"),
        ("[providers.anthropic]\nkey = []\n", 2, "a string or a list"),
        ("[providers.anthropic]\n\nkey = ''\n", 3, "empty"),
        (f'[providers.anthropic]\nkey = "{CANARY} {CANARY}"\n', 2, "spaces"),
        (f'[providers.anthropic]\nkey = "{CANARY}\\r\\nx"\n', 2, "line breaks"),
        (f'[providers]\nanthropic = "{CANARY}"\n', 2, "table"),
        (f'providers = "{CANARY}"\n', 1, "table"),
        ("[providers.anthropic]\n", None, "a string or a list"),
    ],
)
def test_wrong_content_is_reported_by_file_and_line_and_never_shown(path, content, line, says):
    write(path, content)
    message = refusal()
    assert message.startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert says in message


def test_a_file_that_is_not_utf8_is_refused(path):
    path.write_bytes(b'[providers.anthropic]\nkey = "\xff"\n')
    path.chmod(0o600)
    assert "UTF-8" in refusal()


@given(content=st.one_of(st.text(), st.binary().map(lambda b: b.decode("latin-1"))))
def test_any_content_gives_keys_or_a_refusal(content, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    file = folder / "any.toml"
    file.write_text(content, encoding="utf-8", errors="surrogateescape", newline="")
    file.chmod(0o600)
    try:
        keys = read_secrets(file)
    except ConfigurationError:
        return
    assert all(isinstance(key, Secret) for found in keys.values() for key in found)


def test_the_example_that_is_shipped_is_one(tmp_path):
    example = Path(__file__).parents[3] / "contrib" / "secrets.example.toml"
    tmp_path.chmod(0o700)
    assert set(read_secrets(write(tmp_path / "secrets.toml", example.read_text()))) <= set(SPECS)


# The type


def test_a_secret_shows_itself_only_when_asked():
    secret = Secret(CANARY)
    assert secret.reveal() == CANARY
    shown = f"{secret} {secret!r} {secret!s} {secret:>40} {[secret]} {{}}".format(secret)
    assert "canary" not in shown
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("encode", [pickle.dumps, json.dumps, msgspec.json.encode, msgspec.msgpack.encode])
def test_a_secret_is_not_encoded_by_accident(encode):
    with pytest.raises((TypeError, ValueError)) as caught:
        encode({"key": Secret(CANARY)})
    assert "canary" not in str(caught.value)


def test_copies_of_a_secret_are_the_secret_and_equal_texts_are_equal():
    secret = Secret(CANARY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
    assert secret == Secret(CANARY)
    assert hash(secret) == hash(Secret(CANARY))
    assert secret != Secret("x")
    assert secret != CANARY
    assert not Secret("")
