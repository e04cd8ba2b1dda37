"""What a process may use: control groups of both versions, nested, mounted in odd places, or broken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ratatoskr.errors import ModelNotAvailable
from ratatoskr.local import Device, LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.engine import device as device_module
from ratatoskr.local.engine import pool as pool_module
from ratatoskr.local.engine.machine import count_cpus, find_memory_limit

V2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1_CPU = "32 31 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
V1_MEMORY = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n"


@pytest.fixture(autouse=True)
def sixty_four_cpus(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))


def machine(root: Path, groups: str, mounts: str, files: dict[str, str]) -> Path:
    """Write what a process would see below `root`."""
    own = {"proc/self/cgroup": groups, "proc/self/mountinfo": "22 1 0:20 / /proc rw - proc proc rw\n" + mounts}
    for name, text in (own | files).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("quotas", "count"),
    [
        (["100000 100000"], 1),
        (["150000 100000"], 2),
        (["1000 100000"], 1),
        (["max 100000"], 64),
        (["9900000 100000"], 64),
        (["800000 100000", "max 100000"], 8),
        (["max 100000", "300000 100000"], 3),
        (["400000 100000", "200000 50000", "700000 100000"], 4),
        (["nonsense"], 64),
        (["0 100000"], 64),
        ([""], 64),
        (["100000"], 64),
    ],
)
def test_the_least_quota_along_the_path_counts(tmp_path, quotas, count):
    folder, files = "sys/fs/cgroup/", {}
    for depth, quota in enumerate(quotas):
        files[f"{folder}cpu.max"] = quota
        folder += f"{depth}/"
    path = "/" + "/".join(map(str, range(len(quotas) - 1)))
    assert count_cpus(machine(tmp_path, f"0::{path}\n", V2, files)) == count


@pytest.mark.parametrize(
    ("quota", "period", "count"),
    [("200000", "100000", 2), ("250000", "100000", 3), ("-1", "100000", 64), ("1", "", 64)],
)
def test_version_1_has_quota_and_period_in_two_files(tmp_path, quota, period, count):
    place = "sys/fs/cgroup/cpu,cpuacct/docker/abc/"
    files = {f"{place}cpu.cfs_quota_us": quota, f"{place}cpu.cfs_period_us": period}
    groups = "5:memory:/\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/\n"
    assert count_cpus(machine(tmp_path, groups, V1_CPU.format(root="/"), files)) == count


@pytest.mark.parametrize("root", ["/docker/abc", "/docker/another"])
def test_in_a_container_the_mount_point_is_the_processs_own_group(tmp_path, root):
    files = {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000"}
    files["sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us"] = "100000"
    groups = "4:cpu,cpuacct:/docker/abc\n"
    assert count_cpus(machine(tmp_path, groups, V1_CPU.format(root=root), files)) == 3


def test_affinity_counts_too_and_so_does_a_machine_without_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 7})
    assert count_cpus(machine(tmp_path, "0::/\n", V2, {"sys/fs/cgroup/cpu.max": "400000 100000"})) == 2
    assert count_cpus(tmp_path / "nothing here") == 2
    assert find_memory_limit(tmp_path / "nothing here") is None
    assert count_cpus(machine(tmp_path / "odd", "\n0\n:::\n4:cpu:relative\n", "x\n1 2 3 - cgroup2\n", {})) == 2


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"memory.max": "max"}, None),
        ({"memory.max": "1000000"}, 1_000_000),
        ({"memory.max": "1000000", "a/memory.max": "600000"}, 600_000),
        ({"memory.max": "1000000", "a/memory.max": "max", "a/b/memory.max": "max"}, 1_000_000),
        ({"a/b/memory.high": "400000", "memory.max": "1000000"}, 400_000),
        ({"a/b/c/memory.max": "1"}, None),
        ({"memory.max": "one"}, None),
    ],
)
def test_the_least_memory_limit_along_the_path_counts(tmp_path, files, limit):
    files = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    assert find_memory_limit(machine(tmp_path, "0::/a/b\n", V2, files)) == limit


def test_version_1_writes_no_limit_as_a_huge_number(tmp_path):
    place = "sys/fs/cgroup/memory/"
    files = {f"{place}memory.limit_in_bytes": "9223372036854771712", f"{place}pod/memory.limit_in_bytes": "2147483648"}
    groups = "4:memory:/pod\n0::/\n"  # a machine with both versions
    assert find_memory_limit(machine(tmp_path / "pod", groups, V2 + V1_MEMORY, files)) == 2 << 30
    assert find_memory_limit(machine(tmp_path / "top", "4:memory:/\n0::/\n", V2 + V1_MEMORY, files)) is None


def test_a_device_has_as_many_threads_as_the_process_may_use_or_as_it_is_given(monkeypatch):
    monkeypatch.setattr(device_module, "count_cpus", lambda: 5)
    assert (Device.cpu().workers, Device.cuda().workers) == (5, 5)
    assert (Device.cpu(workers=2).workers, Device.cuda(workers=3).workers) == (2, 3)


async def test_the_default_budget_is_a_share_of_what_the_control_group_allows(stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr(pool_module, "find_memory_limit", lambda: 10_000_000)
    models = ModelPool(ModelStore(tmp_path), Device.cpu(workers=1))
    large = LocalEmbedder(stand_in("bert_cls_768"), pool=models)
    with pytest.raises(ModelNotAvailable, match="of a budget of 8000000 bytes, 80% of the memory") as caught:
        await large.embed("time")
    assert caught.value.reason == "ram_budget"
    assert large.status().status == "unavailable"
    models.ram_budget = 1 << 30
    assert (await large.embed("time")).dimensions == 768, "the user's own budget stands"
    models.close()
    assert ModelPool(ModelStore(tmp_path), ram_budget=5).budget == 5
