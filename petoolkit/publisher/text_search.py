"""The search through a dataset's texts, and the refusal of findings that are not allowed."""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from petoolbench import PARAMETER_KINDS, InputError
from petoolkit.files import write_json_lines
from petoolkit.publisher.findings import KINDS, Finding, find, find_by_name
from petoolkit.text import counted, listing, printable

_SHOWN = 5  # findings of a kind


@dataclass
class Occurrence:
    """The first row and column that hold a finding, and the number of rows that hold it."""

    column: str
    tool: str  # whose document or call holds it; empty elsewhere
    row: str  # the first one's id
    rows: int = 0


Findings = dict[Finding, Occurrence]


class _Text(NamedTuple):
    column: str
    tool: str
    parameter: str  # whose value it is; empty elsewhere
    text: str


class TextSearch:
    """Searches rows; the same tools stand in many rows, so each different text is searched once."""

    def __init__(self, findings: Findings):
        self._findings = findings
        self._known: dict[tuple[str, str], list[Finding]] = {}  # by parameter and text
        self._nothing: list[Finding] = []

    def read(self, row: dict, **others: str) -> None:
        """Note the findings in a row's texts, and in other columns of it."""
        occurrences: dict[Finding, _Text] = {}
        for text in chain(_texts(row), (_Text(column, "", "", value) for column, value in others.items())):
            for finding in self._search(text.parameter, text.text):
                occurrences.setdefault(finding, text)
        for finding, text in occurrences.items():
            self._findings.setdefault(finding, Occurrence(text.column, text.tool, row["id"])).rows += 1

    def _search(self, parameter: str, text: str) -> list[Finding]:
        key = (parameter, text)
        if key not in self._known:
            by_name = find_by_name(parameter, text.strip('"')) if parameter else ()
            self._known[key] = list(dict.fromkeys([*find(text), *by_name])) or self._nothing
        return self._known[key]


def _texts(row: dict) -> Iterator[_Text]:
    """All texts of a row that people or models wrote."""
    yield _Text("instruction", "", "", row["instruction"] or "")
    for call in row["history"]:
        yield _Text("history.instruction", "", "", call["instruction"] or "")
        yield _Text("history.provider_description", call["tool_name"], "", call["provider_description"] or "")
        yield from _values("history.parameters", call)
    yield from _values("tool_call.parameters", row["tool_call"])
    for tool in row["candidate_tools"]:
        name = tool["tool_name"]
        for column in ("tool_name", "tool_description", "provider_description"):
            yield _Text(f"candidate_tools.{column}", name, "", tool[column] or "")
        yield _Text("candidate_tools.schema", name, "", tool["schema"] or "")
        for kind in PARAMETER_KINDS:
            for parameter in tool[kind]:
                column = f"candidate_tools.{kind}"
                yield _Text(f"{column}.description", name, "", parameter["description"] or "")
                yield _Text(f"{column}.default", name, parameter["name"] or "", parameter["default"] or "")
                yield _Text(f"{column}.schema", name, "", parameter["schema"] or "")


def _values(column: str, call: dict) -> Iterator[_Text]:
    try:
        values = json.loads(call["parameters"])
    except (TypeError, ValueError, RecursionError):
        return  # `petoolbench.breaches` names such a row
    for name, value in values.items() if isinstance(values, dict) else ():
        yield _Text(column, call["tool_name"], name, value if isinstance(value, str) else json.dumps(value))


def judge_findings(findings: Findings, allowed: Collection[str], list_in: Path | None, console: Console) -> None:
    """Show what was found in texts, and refuse kinds that are not allowed.

    Args:
        findings: what was found.
        allowed: kinds that the publisher accepts.
        list_in: a file that gets all findings, unmasked.
        console: gets the most frequent ones, masked.

    Raises:
        InputError: if something was found that is not allowed.
    """
    if list_in:
        write_json_lines(
            list_in,
            (
                {"kind": finding.kind, "found": finding.value, "column": first.column, "tool": first.tool}
                | {"first_row": first.row, "rows": first.rows}
                for finding, first in findings.items()
            ),
        )
        console.print(f"{counted(len(findings), 'finding')}, unmasked: {list_in}", markup=False, highlight=False)
    numbers = count_findings(findings)
    for kind, (number, rows) in numbers.items():
        console.print(f"{KINDS[kind]}: {number:,}, in {counted(rows, 'row')}", markup=False, highlight=False)
        of_kind = [(finding, first) for finding, first in findings.items() if finding.kind == kind]
        for finding, first in sorted(of_kind, key=lambda pair: -pair[1].rows)[:_SHOWN]:
            where = f"{first.column}{f' of {first.tool}' if first.tool else ''}, {first.row}"
            line = printable(f"  {finding.masked} in {where} ({counted(first.rows, 'row')})")
            console.print(line, markup=False, highlight=False)
    if refused := [kind for kind in numbers if kind not in allowed]:
        found = listing([f"{KINDS[kind]} ({numbers[kind][0]:,})" for kind in refused])
        options = " ".join(f"--allow-findings {kind}" for kind in refused)
        raise InputError(
            f"the texts hold {found}; look at them (--findings FILE lists all), then take the tools out of the "
            f"catalogue and build again, or publish the findings with {options}, which the card will say."
        )


def count_findings(findings: Findings) -> dict[str, tuple[int, int]]:
    """Number of different findings, and of rows that hold them, by kind; kinds without findings are left out."""
    numbers = {}
    for kind in KINDS:
        rows = [first.rows for finding, first in findings.items() if finding.kind == kind]
        if rows:
            numbers[kind] = (len(rows), sum(rows))
    return numbers


def refuse_keys(predictions: Iterable[dict], file: Path) -> None:
    """Refuse replies that hold a key.

    Args:
        predictions: lines of `predictions.jsonl`.
        file: that they were read from.

    Raises:
        InputError: naming the first such reply's row.
    """
    for line in predictions:
        if key := next((finding for finding in find(line["reply"] or "") if finding.kind == "keys"), None):
            raise InputError(
                f"{file}: the reply to {line['id']} holds what looks like a key ({key.masked}); leave the replies "
                "out, or remove the line."
            )
