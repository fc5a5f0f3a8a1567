"""Looking through a dataset's texts, and what to do about what stands there."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from rich.console import Console

from petoolbench import InputError
from petoolkit.files import write_json_lines
from petoolkit.publisher.findings import KINDS, Found, find, find_by_name
from petoolkit.text import printable

_SHOWN = 5  # findings of a kind


@dataclass
class Seen:
    """Where something was found."""

    column: str
    tool: str  # in whose document or call; empty elsewhere
    row: str  # the first one's id
    rows: int = 0


Findings = dict[Found, Seen]


class Texts:
    """Looks through texts, each different one once: the same tools stand in many rows."""

    def __init__(self, findings: Findings):
        self._findings = findings
        self._known: dict[tuple[str, str], list[Found]] = {}  # nothing, most often
        self._nothing: list[Found] = []

    def read(self, row: dict, **others: str) -> None:
        """Note what stands in a row's texts, and in other columns of it."""
        found: dict[Found, tuple[str, str]] = {}
        more = ((column, "", "", text) for column, text in others.items())
        for column, tool, name, text in chain(_texts(row), more):
            for one in self._look(name, text):
                found.setdefault(one, (column, tool))
        for one, (column, tool) in found.items():
            self._findings.setdefault(one, Seen(column, tool, row["id"])).rows += 1

    def _look(self, name: str, text: str) -> list[Found]:
        key = (name, text)
        if key not in self._known:
            found = list(dict.fromkeys([*find(text), *(find_by_name(name, text.strip('"')) if name else ())]))
            self._known[key] = found or self._nothing
        return self._known[key]


def _texts(row: dict) -> Iterator[tuple[str, str, str, str]]:
    """Column, tool, parameter name (empty where there is none) and text of all that people or models wrote."""
    yield "instruction", "", "", row["instruction"] or ""
    for call in row["history"]:
        yield "history.instruction", "", "", call["instruction"] or ""
        yield from _values("history.parameters", call)
    yield from _values("tool_call.parameters", row["tool_call"])
    for tool in row["candidate_tools"]:
        name = tool["tool_name"]
        yield "candidate_tools.tool_name", name, "", name
        yield "candidate_tools.tool_description", name, "", tool["tool_description"] or ""
        yield "candidate_tools.provider_description", name, "", tool["provider_description"] or ""
        for kind in ("required_parameters", "optional_parameters"):
            for parameter in tool[kind]:
                yield f"candidate_tools.{kind}.description", name, "", parameter["description"] or ""
                yield f"candidate_tools.{kind}.default", name, parameter["name"] or "", parameter["default"] or ""


def _values(column: str, call: dict) -> Iterator[tuple[str, str, str, str]]:
    try:
        values = json.loads(call["parameters"])
    except (TypeError, ValueError, RecursionError):
        return  # told elsewhere
    for name, value in values.items() if isinstance(values, dict) else ():
        yield column, call["tool_name"], name, value if isinstance(value, str) else json.dumps(value)


def judge_findings(findings: Findings, allowed: Collection[str], list_in: Path | None, console: Console) -> None:
    """Show what was found in texts, and refuse what nobody has allowed.

    Args:
        findings: what was found.
        allowed: kinds that are let stand.
        list_in: a file that gets all of them, as they are.
        console: gets the most frequent ones, masked.

    Raises:
        InputError: if something was found that is not allowed.
    """
    if list_in:
        write_json_lines(
            list_in,
            (
                {"kind": found.kind, "found": found.value, "column": seen.column, "tool": seen.tool}
                | {"first_row": seen.row, "rows": seen.rows}
                for found, seen in findings.items()
            ),
        )
        console.print(f"{len(findings):,} findings are in {list_in}, unmasked.", highlight=False)
    numbers = count_findings(findings)
    for kind, (number, rows) in numbers.items():
        console.print(f"{KINDS[kind]}: {number:,}, in {rows:,} rows", markup=False, highlight=False)
        found = [(one, seen) for one, seen in findings.items() if one.kind == kind]
        for one, seen in sorted(found, key=lambda pair: -pair[1].rows)[:_SHOWN]:
            where = f"{seen.column}{f' of {seen.tool}' if seen.tool else ''}, {seen.row}"
            told = printable(f"  {one.masked} in {where} ({seen.rows:,} rows)")
            console.print(told, markup=False, highlight=False)
    if refused := [kind for kind in numbers if kind not in allowed]:
        told = ", ".join(f"{KINDS[kind]} ({numbers[kind][0]:,})" for kind in refused)
        ways = " ".join(f"--allow-findings {kind}" for kind in refused)
        raise InputError(
            f"the texts hold {told}; look at them (--findings FILE lists all), take the tools out of the catalogue "
            f"and build anew, or let them stand with {ways}, which the card will say."
        )


def count_findings(findings: Findings) -> dict[str, tuple[int, int]]:
    """How many different things of each kind were found, and in how many rows, kinds without any left out."""
    numbers = {}
    for kind in KINDS:
        places = [seen.rows for found, seen in findings.items() if found.kind == kind]
        if places:
            numbers[kind] = (len(places), sum(places))
    return numbers
