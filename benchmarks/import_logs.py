"""Import a log of a million calls of 50,000 users: time and memory, in a process of its own as the command has it.

    python benchmarks/import_logs.py [--calls 1000000] [--users 50000] [--redact] [--keep DIR]

The calls are invented, of the embedded catalogue's tools: each request is another text, half of the calls are rated,
one in fifty holds an e-mail address. The time to make them is not measured; embeddings of the catalogue are cached
before.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from machine import heading
from petoolkit.builder.authors.offline import OfflineAuthor
from petoolkit.builder.catalogue.catalogue_settings import CatalogueSettings
from petoolkit.builder.encoders import make_encoder
from petoolkit.builder.logs.logged_tools import LoggedTools

from petoolbench import ToolName, to_json_text
from petoolkit.dataset_record import read_dataset_record
from petoolkit.embedding import DEFAULT_MODEL
from petoolkit.text import markdown_table

_VARIANTS = 40  # requests that each tool's calls are made of
_BATCH = 50_000
_START = 1_750_000_000
COLUMNS = ("user_id", "timestamp", "request", "tool_name", "arguments", "rating")
_SCHEMA = pa.schema([(name, pa.int64() if name == "timestamp" else pa.string()) for name in COLUMNS])
_RATINGS = (None, None, None, None, "1", "1", "1", "0")


def invented_calls(number: int, users: int) -> Iterator[dict]:
    """Calls as a log has them, in time order; users come back at random, each to tools that it likes."""
    rng = random.Random(0)
    tools = list(LoggedTools([CatalogueSettings(path="embedded")], Counter()).candidates.values())
    author = OfflineAuthor(tools)
    known = [[author.interact(tool, rng) for _ in range(_VARIANTS)] for tool in tools]
    names = [ToolName.parse(tool["tool_name"]) for tool in tools]
    for call in range(number):
        user = rng.randrange(users)
        tool = (user * 7919 + rng.randrange(60)) % len(tools)
        made = rng.choice(known[tool])
        address = f" Send it to person{user}@mailserver.org." if call % 50 == 0 else ""
        yield {
            "user_id": f"user-{user}",
            "timestamp": _START + call,
            "request": f"{made['instruction']} My reference is {call}.{address}",
            "tool_name": f"{names[tool].provider}.{names[tool].api}",
            "arguments": to_json_text(made["parameters"]),
            "rating": rng.choice(_RATINGS),
        }


def write_logs(folder: Path, number: int, users: int) -> list[Path]:
    """The same calls as JSON Lines and as parquet."""
    lines, table = folder / "calls.jsonl", folder / "calls.parquet"
    batch: list[dict] = []
    with open(lines, "w", encoding="utf-8") as file, pq.ParquetWriter(table, _SCHEMA) as writer:

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(batch, schema=_SCHEMA))
            file.writelines(json.dumps({**c, "arguments": json.loads(c["arguments"])}) + "\n" for c in batch)
            batch.clear()

        for call in invented_calls(number, users):
            batch.append(call)
            if len(batch) == _BATCH:
                flush()
        flush()
    return [lines, table]


def measured(log: Path, dataset: Path, redact: bool) -> list[str]:
    """Time, CPU and memory of the command on one log, and the rows that it wrote."""
    command = [sys.executable, "-m", "petoolbench_cli", "import", "logs", str(log), "--catalogue", "embedded"]
    command += ["--dataset", str(dataset), *(["--redact"] if redact else [])]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    record = read_dataset_record(str(dataset))
    size = sum(file.stat().st_size for file in dataset.rglob("*.parquet"))
    return [
        log.name,
        f"{log.stat().st_size / 1e6:.0f} MB",
        f"{seconds:.0f} s",
        f"{cpu:.0f} s",
        f"{after.ru_maxrss / 1e6:.2f} GB",  # the largest of all commands so far
        f"{record.statistics['rows']:,} rows of {record.statistics['users']:,} users" if record else "",
        f"{size / 1e6:.0f} MB",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--redact", action="store_true")
    parser.add_argument("--keep", type=Path, help="a folder for logs and dataset, which are kept")
    options = parser.parse_args()
    print(heading(f"An import of {options.calls:,} logged calls of {options.users:,} users", "pyarrow"))
    tools = LoggedTools([CatalogueSettings(path="embedded")], Counter()).candidates.values()
    make_encoder(DEFAULT_MODEL, lambda: None).encode([tool["functionality"] for tool in tools])
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        logs = write_logs(folder, options.calls, options.users)
        rows = [measured(log, folder / f"from-{log.suffix[1:]}", options.redact) for log in logs]
    print(markdown_table(["log", "size", "time", "CPU", "largest memory", "written", "dataset"], rows))


if __name__ == "__main__":
    main()
