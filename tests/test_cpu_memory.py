"""Freed memory stays with the process."""

import platform
import subprocess
import sys

import pytest

from petoolkit.evaluator.models import cpu_memory

# Prints how many page faults a second filling of 64 MB takes, once the first was freed.
FILL_TWICE = """
import ctypes, resource, sys
from petoolkit.evaluator.models.cpu_memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
libc.malloc.argtypes = [ctypes.c_size_t]
def fill():
    block = libc.malloc(2**26)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    ctypes.memset(block, 1, 2**26)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    libc.free(block)
    return faults
fill()
print(fill())
"""


def has_glibc() -> bool:
    """Whether this Python runs on glibc."""
    return platform.libc_ver()[0] == "glibc"


def faults(how: str) -> int:
    """Page faults of the second filling."""
    ran = subprocess.run([sys.executable, "-c", FILL_TWICE, how], capture_output=True, text=True, check=True)
    return int(ran.stdout)


@pytest.mark.skipif(not has_glibc(), reason="a setting of glibc")
def test_what_was_freed_is_taken_again_without_asking_the_system():
    assert faults("kept") < 10 < faults("given back")


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(cpu_memory.ctypes, "CDLL", None)  # would raise
    assert cpu_memory.keep_freed_memory() is False
