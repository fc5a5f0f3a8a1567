"""Measure calls of a language model: 10,000 at 64 in flight against a scripted loopback server with 200 ms latency.

    python benchmarks/llm_calls.py

The server is a process of its own on the same machine. The second round finds every reply in the cache.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import heading
from pydantic import BaseModel

from petoolkit.endpoint.ask import Endpoint
from petoolkit.endpoint.llm_settings import LlmSettings
from petoolkit.endpoint.request import Ask, Request
from petoolkit.endpoint.usage import Usage
from petoolkit.text import markdown_table

CALLS = 10_000
IN_FLIGHT = 64
SERVER = Path(__file__).parent.parent / "tests" / "scripted_server.py"


class Answer(BaseModel):
    """The form asked for; what is measured is the calls, not the answers."""

    text: str


async def ask_once(number: int, ask: Ask) -> str:
    """One call with a prompt of some length."""
    document = f"Document {number}: " + "what this tool does and how it is called, " * 40
    messages = [{"role": "system", "content": "Read."}, {"role": "user", "content": document}]
    return (await ask(Request(messages, 0, Answer))).content


def round_of_calls(url: str, name: str) -> list:
    """Do all calls; gives a line of the table."""
    usage = Usage(None)
    endpoint = Endpoint(LlmSettings(base_url=url, concurrency=IN_FLIGHT), usage)
    before = resident_megabytes()
    started = time.perf_counter()
    answered = sum(bool(text) for text in endpoint.answer_all(iter(range(CALLS)), ask_once))
    seconds = time.perf_counter() - started
    grown = resident_megabytes() - before
    sent = usage.total["calls"]
    return [name, f"{answered:,}", f"{sent:,}", f"{seconds:.1f} s", f"{answered / seconds:.0f}", f"{grown:.0f} MB"]


def resident_megabytes() -> float:
    """The largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    print(heading(f"{CALLS:,} calls, {IN_FLIGHT} in flight, 200 ms latency", "openai", "httpx2"))
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"OPENAI_API_KEY": "none", "PETOOLBENCH_CACHE": folder}
        command = [sys.executable, str(SERVER), "--latency", "0.2", "--answer", "echo"]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        try:
            rounds = [round_of_calls(url, "empty cache"), round_of_calls(url, "full cache")]
        finally:
            server.communicate()
    print(markdown_table(["round", "answers", "requests sent", "time", "answers a second", "memory grown"], rounds))


if __name__ == "__main__":
    main()
