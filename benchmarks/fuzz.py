"""Damaged inputs of every kind: each must be read, or end in one sentence (`InputError`), within a second.

    python benchmarks/fuzz.py
    python benchmarks/fuzz.py --share 0.05 --seed 7

Each case mutates a valid input with a random generator of its own, so that `--seed` repeats it. The exit code is 1 if
there is a traceback or a case that takes more than a second.
"""

import argparse
import gzip
import json
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fuzz_inputs
import yaml
from rich.console import Console
from rich.progress import track
from rich.table import Table

from petoolbench import InputError

LONGEST = 1.0  # seconds of a case
_VALUES: list[Any] = [
    *(
        None,
        True,
        -1,
        0,
        7,
        10**30,
        1.5,
        -0.0,
        "",
        "x",
        "abc",
        "2020-01-01",
        "\ud800",
        "\u2028\u202e\u200b\x85",
        "NaN",
    ),
    *([], {}, [[]], {"": None}, ["a", 1], {"name": 1}, [None], float("nan"), float("inf")),
]


@dataclass
class Outcome:
    """What became of the cases of one kind."""

    counts: Counter = field(default_factory=Counter)
    slowest: float = 0.0
    faults: list[str] = field(default_factory=list)


def mutated(value: Any, rng: random.Random) -> Any:
    """A copy of a JSON value with one part removed, replaced, doubled or renamed."""
    copy = json.loads(json.dumps(value))
    parts: list[tuple[Any, Any]] = []
    waiting = [copy] if isinstance(copy, dict | list) else []
    while waiting:
        part = waiting.pop()
        keys = list(part) if isinstance(part, dict) else range(len(part))
        parts += [(part, key) for key in keys]
        waiting += [part[key] for key in keys if isinstance(part[key], dict | list)]
    if not parts:
        return rng.choice(_VALUES)
    part, key = rng.choice(parts)
    act = rng.randrange(5)
    if act == 0:
        del part[key]
    elif act == 1 and isinstance(part, dict):
        part[f"{key}_"] = part.pop(key)
    elif act == 2 and isinstance(part, list):
        part.append(part[key])
    elif act == 3 and isinstance(part[key], str):
        at = rng.randint(0, len(part[key]))
        part[key] = (
            part[key][:at]
            + rng.choice(["\x00", "\u2028", "\u202e", "\ud800", "{", '"', "[", "1" * 5000])
            + part[key][at:]
        )
    else:
        part[key] = rng.choice(_VALUES)
    return copy


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The bytes of a text file, with a mutation of their own in half of the cases."""
    at = rng.randrange(len(content) + 1)
    inserted = rng.choice([b"NaN", b"-Infinity", b"1e999", b"\xe2\x80\xa8", b"\n", b"\x00"])
    acts: list[Callable[[], bytes]] = [
        lambda: content[:at],
        lambda: content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :],
        lambda: b"\xef\xbb\xbf" + content,
        lambda: content[:at] + b"[" * 3000 + content[at:],
        lambda: content[:at] + b"1" * 5000 + content[at:],
        lambda: content[:at] + inserted + content[at:],
        lambda: (b'{"a":' * 3000) + b"1" + b"}" * 3000,
        lambda: content + b"\n" + content,
        lambda: content.decode(errors="replace").encode("utf-16"),
        lambda: gzip.compress(content)[: at or None],
    ]
    return rng.choice(acts)() if rng.random() < 0.5 else content


def json_bytes(value: Any) -> bytes:
    """JSON text of a value, NaN and half surrogate pairs included."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def mutated_json(value: Any, rng: random.Random) -> bytes:
    """A JSON file made of a value, wrong in one to three ways."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        value = mutated(value, rng)
    return damaged(json_bytes(value), rng)


def mutated_yaml(value: Any, rng: random.Random) -> bytes:
    """A YAML file made of a value, wrong in one to three ways."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        value = mutated(value, rng)
    return damaged(yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "surrogatepass"), rng)


def run_cases(
    kind: str, number: int, case: Callable[[random.Random, Path], Any], seed: int, console: Console
) -> Outcome:
    """Run one kind's cases and count what becomes of them."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as folder:
        for index in track(range(number), description=f"{kind:<12}", console=console, transient=True):
            rng = random.Random(f"{seed}:{kind}:{index}")
            run = case(rng, Path(folder))
            started = time.perf_counter()
            try:
                run()
                outcome.counts["read"] += 1
            except InputError as error:
                outcome.counts["refused"] += 1
                if "\n" in str(error):
                    outcome.counts["tracebacks"] += 1
                    outcome.faults.append(f"{kind} {index}: more than a line: {error}")
            except Exception:
                outcome.counts["tracebacks"] += 1
                outcome.faults.append(f"{kind} {index}: {traceback.format_exc(limit=-3)}")
            seconds = time.perf_counter() - started
            outcome.slowest = max(outcome.slowest, seconds)
            if seconds > LONGEST:
                outcome.counts["slow"] += 1
                outcome.faults.append(f"{kind} {index}: {seconds:.1f} s")
    return outcome


def fuzz(share: float, seed: int, console: Console, only: Collection[str] = ()) -> dict[str, Outcome]:
    """The outcome of each kind of input.

    Args:
        share: of each kind's number of cases, above 0.
        seed: of the mutations.
        console: for the progress bars.
        only: the kinds to run; by default, all.
    """
    return {
        kind: run_cases(kind, max(1, round(number * share)), case, seed, console)
        for kind, (number, case) in fuzz_inputs.kinds(mutated_json, mutated_yaml, mutated).items()
        if not only or kind in only
    }


def outcome_table(outcomes: dict[str, Outcome]) -> Table:
    """The counts by kind."""
    table = Table("input", *(("cases", "read", "refused", "tracebacks", "over 1 s", "slowest, s")))
    for kind, outcome in outcomes.items():
        counts = [outcome.counts[name] for name in ("read", "refused", "tracebacks", "slow")]
        table.add_row(kind, *(f"{n:,}" for n in (sum(counts[:3]), *counts)), f"{outcome.slowest:.2f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="share of the cases of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], help="kinds of input, such as `recipes`; by default, all")
    options = parser.parse_args()
    outcomes = fuzz(options.share, options.seed, Console(stderr=True), options.only)
    Console().print(outcome_table(outcomes))
    faults = [fault for outcome in outcomes.values() for fault in outcome.faults]
    for fault in faults[:20]:
        print(fault)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
