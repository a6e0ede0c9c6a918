# SPDX-License-Identifier: Apache-2.0
"""What the system holds a process to: processor time, memory, the life of its parent, no network.

Loaded by every process that handles what a client sent, so it imports nothing but the standard library.
"""

import ctypes
import platform
import resource
import signal
import struct

_DEATH_SIGNAL, _NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 1, 38, 22, 2
"""PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP and its mode SECCOMP_MODE_FILTER of Linux's prctl."""
_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""Audit architecture and the number of the system call ``socket``, by machine."""
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | 13


def bound(cpu_s: int, memory: int) -> None:
    """Die with the parent; limit processor time (s) and private memory (bytes) of this process; leave no core."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_DEATH_SIGNAL, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def no_sockets() -> bool:
    """Have the kernel refuse every new socket of this process (seccomp); False where it cannot."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None or platform.machine() not in _MACHINES:
        return False
    architecture, socket = _MACHINES[platform.machine()]
    steps = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_EQUAL, 0, 1, socket),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    return bool(prctl(_SECCOMP, _FILTER, program, 0, 0) == 0)
