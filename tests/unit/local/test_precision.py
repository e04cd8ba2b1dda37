"""Which precision is used on which processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from ratatoskr import ConfigurationError, InvalidInput, Ratatoskr
from ratatoskr.local import Device, precision
from ratatoskr.local.precision import choose_precision

AMX = "flags\t\t: fpu avx512f avx512_bf16 amx_bf16 amx_tile"
AVX = "flags\t\t: fpu avx512f avx512_bf16"
OLD = "flags\t\t: fpu avx2 my_amx_bf16_not"


@pytest.fixture
def cpuinfo(tmp_path: Path) -> Path:
    return tmp_path / "cpuinfo"


@pytest.mark.parametrize(
    ("flags", "given", "chosen"),
    [
        (AMX, "auto", "bf16"),
        (AVX, "auto", "fp32"),
        (OLD, "auto", "fp32"),
        ("", "auto", "fp32"),
        (AMX, "bf16", "bf16"),
        (AVX, "bf16", "bf16"),
        (AMX, "fp32", "fp32"),
        (OLD, "int8", "int8"),
    ],
)
def test_the_processor_decides(cpuinfo, flags, given, chosen):
    cpuinfo.write_text(f"processor\t: 0\nmodel name\t: {AMX}\n{flags}\n\nprocessor\t: 1\n{flags}\n")
    assert choose_precision(given, cpuinfo=cpuinfo) == chosen


def test_a_processor_without_bf16_is_said_so(cpuinfo):
    cpuinfo.write_text(OLD)
    with pytest.raises(ConfigurationError, match="this processor does not have bf16") as caught:
        choose_precision("bf16", cpuinfo=cpuinfo)
    assert caught.value.field == "precision"
    with pytest.raises(ConfigurationError, match="this processor does not have bf16"):
        choose_precision("bf16", cpuinfo=cpuinfo / "absent")


def test_without_the_extra_auto_is_fp32_and_bf16_names_it(cpuinfo, monkeypatch):
    cpuinfo.write_text(AMX)
    monkeypatch.setattr(precision, "find_spec", lambda _: None)
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    assert choose_precision("auto", cpuinfo=cpuinfo) == "fp32"
    with pytest.raises(
        ConfigurationError, match=r"models in bf16 need openvino: pip install 'ratatoskr-llm\[openvino\]'"
    ):
        choose_precision("bf16", cpuinfo=cpuinfo)


@pytest.mark.parametrize("given", ["int8", "bf16"])
def test_on_a_gpu_there_is_one_precision(cpuinfo, given):
    cpuinfo.write_text(AMX)
    with pytest.raises(ConfigurationError, match=f"{given} runs on the CPU alone"):
        choose_precision(given, "cuda", cpuinfo=cpuinfo)
    assert choose_precision("auto", "cuda", cpuinfo=cpuinfo) == "fp32"


@pytest.mark.parametrize("given", ["fp16", "", None, 16, "BF16", "bf16\n"])
def test_another_word_is_refused(given):
    with pytest.raises(InvalidInput, match="precision must be fp32, int8, bf16 or auto") as caught:
        choose_precision(given)
    assert caught.value.field == "precision"


def test_the_builder_takes_them_all(monkeypatch, cpuinfo):
    assert Ratatoskr.builder().local_embeddings("AllMiniLmL6V2", "auto").build()
    with pytest.raises(ConfigurationError, match="precision must be fp32, int8, bf16 or auto, not 'fp64'"):
        Ratatoskr.builder().local_embeddings("AllMiniLmL6V2", "fp64")
    assert Device.cpu().kind == "cpu"
