"""Starts a program in a sandbox equivalent to that of the daemon's unit, by the kernel's own calls.

`python unit_sandbox.py SYSCALLS WRITABLE PROGRAM…`: a file with the names of the system calls that the unit allows, the
only folder that may be written, and what to run. Exit code 77 and a reason where the kernel refuses.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

REFUSED: Final = 77
_FAMILIES: Final = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)
_NAMESPACES: Final = 0x7E020080
"""Every `CLONE_NEW…` flag."""
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_EQUAL, _MASKED_EQUAL = 4, 7
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18

libc = ctypes.CDLL(None, use_errno=True)


class Comparison(ctypes.Structure):
    """`struct scmp_arg_cmp`."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def call(function: str, *arguments: Any) -> None:
    if getattr(libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def make_root_read_only(writable: str) -> None:
    """Leave one folder writable, and give the process temporary files of its own."""
    call("unshare", 0x00020000)  # CLONE_NEWNS
    call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
    folder = writable.encode()
    call("mount", folder, folder, None, _MS_BIND, None)
    call("mount", b"none", b"/", None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY, None)
    for line in Path("/proc/self/mounts").read_text().splitlines():
        place = line.split()[1].encode().decode("unicode_escape")
        if place != writable and not place.startswith(("/proc", "/sys", "/dev")) and place != "/":
            call("mount", b"none", place.encode(), None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY, None)
    call("mount", b"tmpfs", b"/var/tmp", b"tmpfs", 0, None)


def drop_capabilities() -> None:
    for capability in range(int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1):
        call("prctl", 24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def forbid_memory_and_privileges() -> None:
    call("prctl", 38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    call("prctl", 65, 1, 0, 0, 0)  # PR_SET_MDWE


def filter_system_calls(allowed: list[str]) -> None:
    """Answer EPERM to every call but these; sockets and new namespaces as the unit restricts them."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(seccomp.seccomp_init(_ERRNO | errno.EPERM))

    def add(action: int, name: str, *comparisons: Comparison) -> None:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        array = (Comparison * len(comparisons))(*comparisons)
        if number >= 0 and seccomp.seccomp_rule_add_array(rules, action, number, len(comparisons), array) != 0:
            raise OSError(errno.EINVAL, f"libseccomp refuses a rule for {name}")

    for name in set(allowed) - {"socket", "clone", "clone3", "unshare", "setns"}:
        add(_ALLOW, name)
    for family in _FAMILIES:
        add(_ALLOW, "socket", Comparison(0, _EQUAL, family, 0))
    add(_ALLOW, "clone", Comparison(0, _MASKED_EQUAL, _NAMESPACES, 0))
    add(_ERRNO | errno.ENOSYS, "clone3")  # whose flags are in memory, where no filter looks
    if (code := seccomp.seccomp_load(rules)) != 0:
        raise OSError(-code, f"seccomp_load: {os.strerror(-code)}")


def check(writable: str) -> None:
    """Raise unless the sandbox refuses what it is for."""
    Path(writable, "may-be-written").write_text("x")
    forbidden: dict[str, Callable[[], object]] = {
        "writing": lambda: Path("/etc/ratd-of-tests").write_text("x"),
        "choosing a CPU": lambda: os.sched_setaffinity(0, {0}),
        "memory that is written and executed": lambda: mmap.mmap(-1, 4096, prot=7),
        "other sockets": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "mounting": lambda: call("mount", b"tmpfs", b"/var/tmp", b"tmpfs", 0, None),
        "a namespace": lambda: call("unshare", 0x00020000),
    }
    for what, attempt in forbidden.items():
        try:
            attempt()
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.EACCES, errno.EROFS}:
                raise
        else:
            raise AssertionError(f"{what} is not refused")


def main(syscalls: str, writable: str, *program: str) -> None:
    try:
        make_root_read_only(writable)
        drop_capabilities()
        forbid_memory_and_privileges()
        filter_system_calls(Path(syscalls).read_text().split())
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(REFUSED)
    check(writable)
    os.execv(program[0], program)


if __name__ == "__main__":
    main(*sys.argv[1:])
