"""Make logs of the released part's histories, import them, and compare the histories with the released ones.

    python benchmarks/logs_round_trip.py

Each released row becomes a user of its own, whose last call is the gold one. The catalogue is made of the rows' tools.
"""

import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
from machine import heading, shared_file
from petoolkit.builder.logs.logs_import import import_logs
from petoolkit.builder.logs.logs_options import LogsOptions

from petoolbench import PARAMETER_KINDS, SETTINGS, ToolName, default_of, setting_of
from petoolkit.decoding import decode_json
from petoolkit.files import write_json_lines
from petoolkit.released import read_released
from petoolkit.text import markdown_table


def log_lines(rows: Iterable[dict]) -> Iterator[dict]:
    """The past calls of each row and its gold call, as a table has them."""
    for row in rows:
        gold = {"instruction": row["instruction"], **row["tool_call"], "rating": None}
        for position, call in enumerate([*row["history"], gold]):
            yield {
                "user": row["id"],
                "time": position,
                "request": call["instruction"],
                "tool": call["tool_name"],
                "arguments": decode_json(call["parameters"]),
                "rating": call["rating"],
            }


def catalogue_lines(rows: list[dict]) -> Iterator[dict]:
    """A flat row for each tool, as the candidates document it.

    Its description begins with its name, so that cleaning keeps it. No parameter has a type or is required, since past
    calls do not keep to that. A tool that stands in histories alone has no parameters.
    """
    documents = {tool["tool_name"]: tool for row in rows for tool in row["candidate_tools"]}
    names = dict.fromkeys([*documents, *(call["tool_name"] for row in rows for call in row["history"])])
    for full_name in names:
        name, tool = ToolName.parse(full_name), documents.get(full_name)
        parameters = [parameter for kind in PARAMETER_KINDS for parameter in tool[kind]] if tool else []
        described = tool["tool_description"] if tool else ""
        yield {
            "category": name.category,
            "tool": name.provider,
            "api": name.api,
            "api_description": f"The function {name.api} of {name.provider}: {described}",
            "optional_parameters": [{"name": p["name"], "default": default_of(p)} for p in parameters],
        }


def compare(released: list[dict], dataset: Path) -> dict[str, Counter[str]]:
    """By setting: rows, those that the import has, and those of which the histories are equal, call by call."""
    found: dict[str, dict] = {}
    for setting in SETTINGS:
        for file in sorted(dataset.glob(f"data/{setting}/*.parquet")):
            columns = pq.read_table(file, columns=["id", "history", "instruction", "tool_call"])
            found |= {row["id"]: row for row in columns.to_pylist()}
    numbers: dict[str, Counter[str]] = {setting: Counter() for setting in SETTINGS}
    for row in released:
        count = numbers[setting_of(row)]
        made = found.get(f"{row['id']}/{setting_of(row)}")
        count["rows"] += 1
        count["past calls"] += len(row["history"])
        if made:
            count["imported"] += 1
            gold = [[{"instruction": one["instruction"], **one["tool_call"], "rating": None}] for one in (made, row)]
            count["same gold call"] += _facts(gold[0]) == _facts(gold[1])
            count["same history"] += _facts(made["history"]) == _facts(row["history"])
            count["also same spelling of names"] += made["history"] == row["history"]
    return numbers


def _facts(calls: list[dict]) -> list[tuple]:
    """What is compared of calls. Cleaning gives a provider one spelling: marks and case of names do not count."""
    return [(call["instruction"], _plain(call["tool_name"]), call["parameters"], call["rating"]) for call in calls]


def _plain(name: str) -> tuple[str, ...]:
    return tuple(re.sub(r"[\W_]+", "", part.casefold()) for part in ToolName.parse(name))


def round_trip(file: Path, folder: Path) -> dict[str, Counter[str]]:
    """Numbers of `compare` for a released test file, by way of a log in a folder."""
    released = [row for row, _ in read_released(file)]
    write_json_lines(folder / "calls.jsonl", log_lines(released))
    write_json_lines(folder / "tools.jsonl", catalogue_lines(released))
    longest = max(len(row["history"]) for row in released)
    options = LogsOptions(
        (folder / "calls.jsonl",), (str(folder / "tools.jsonl"),), keep_user_names=True, most_history=longest
    )
    import_logs(options, folder / "dataset")
    return compare(released, folder / "dataset")


def main() -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    print(heading("Logs made of the released part's histories give back those histories", "pyarrow"))
    with tempfile.TemporaryDirectory() as folder:
        numbers = round_trip(shared_file("official_test_dev.json.gz"), Path(folder))
    columns = ["rows", "past calls", "imported", "same gold call", "same history", "also same spelling of names"]
    print(
        markdown_table(
            ["setting", *columns], [[name, *(count[c] for c in columns)] for name, count in numbers.items()]
        )
    )


if __name__ == "__main__":
    main()
