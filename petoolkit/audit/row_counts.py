"""What rows give away, counted row by row. A further count is a function, and one entry of `COUNTS`."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from petoolbench import PARAMETER_KINDS, ToolName, default_of, provider_of

_WORD = re.compile(r"[^\W_]+")
_SHORTEST_NAME = 4  # letters; shorter names of providers and APIs are found in any text


@dataclass(frozen=True)
class RowCount:
    """One thing that is counted.

    Args:
        name: key in `audit.json`.
        description: what holds for the counted rows, for people.
        holds: takes a row.
    """

    name: str
    description: str
    holds: Callable[[dict], bool]


def _gold(row: dict) -> dict:
    return next(tool for tool in row["candidate_tools"] if tool["tool_name"] == row["tool_call"]["tool_name"])


def _members(row: dict) -> list[dict]:
    return [tool for tool in row["candidate_tools"] if tool["tool_name"] in row["same_function_tools"]]


def _instruction_in_history(row: dict) -> bool:
    own = row["instruction"].strip().lower()
    return any(call["instruction"].strip().lower() == own for call in row["history"])


def _names_the_gold_tool(row: dict) -> bool:
    """Whether the instruction holds the gold tool's provider or API, as whole words, and no rival's."""
    spoken = _spoken(row["instruction"])

    def is_named(tool: dict) -> bool:
        name = ToolName.parse(tool["tool_name"])
        return any(len(part) > _SHORTEST_NAME + 1 and part in spoken for part in map(_spoken, name[1:]))

    gold = _gold(row)
    return is_named(gold) and not any(is_named(tool) for tool in _members(row) if tool is not gold)


def _spoken(text: str) -> str:
    """Lower-case words between single spaces, so that a name is found as whole words, however it is written."""
    return f" {' '.join(_WORD.findall(text.lower()))} "


def _gold_group_in_history(row: dict) -> bool:
    return any(call["tool_name"] in row["same_function_tools"] for call in row["history"])


def _gold_provider_in_history(row: dict) -> bool:
    """Whether the history holds a provider of a candidate that does the job."""
    members = {provider_of(tool) for tool in _members(row)}
    return any(provider_of(call) in members for call in row["history"])


def _document(tool: dict) -> str:
    """All that a candidate's document says beside its name."""
    return json.dumps({key: value for key, value in tool.items() if key != "tool_name"}, sort_keys=True)


def _ambiguous_gold(row: dict) -> bool:
    gold = _gold(row)
    own = _document(gold)
    rivals = [tool for tool in _members(row) if tool is not gold and tool["tool_name"] not in row["acceptable_tools"]]
    return any(_document(tool) == own for tool in rivals)


def _identical_documents(row: dict) -> bool:
    documents = [_document(tool) for tool in _members(row)]
    return len(set(documents)) < len(documents)


def _gold_at_defaults(row: dict) -> bool:
    """Whether who gives all required parameters their documented defaults, and no other, has the gold parameters."""
    required = _gold(row)[PARAMETER_KINDS[0]]
    defaults = {parameter["name"]: default_of(parameter) for parameter in required}
    return defaults == json.loads(row["tool_call"]["parameters"])


def _distractor_takes_the_same(row: dict) -> bool:
    """Whether a candidate that counts as doing another job is of the gold tool's category and takes just its
    parameters, if it has any: it may do the job."""
    gold = _gold(row)
    own = _parameter_names(gold)
    category = ToolName.parse(gold["tool_name"]).category
    return any(own) and any(
        _parameter_names(tool) == own and ToolName.parse(tool["tool_name"]).category == category
        for tool in row["candidate_tools"]
        if tool["tool_name"] not in row["same_function_tools"]
    )


def _parameter_names(tool: dict) -> list[set[str]]:
    return [{parameter["name"] for parameter in tool[kind]} for kind in PARAMETER_KINDS]


def _no_rival(row: dict) -> bool:
    return len(_members(row)) < 2


COUNTS = (
    RowCount("instruction-in-history", "the instruction stands verbatim in the history", _instruction_in_history),
    RowCount(
        "instruction-names-gold",
        "the instruction names the gold provider or API alone",
        _names_the_gold_tool,
    ),
    RowCount("gold-function-in-history", "the history holds a tool of the gold group", _gold_group_in_history),
    RowCount(
        "gold-provider-in-history",
        "the history holds a provider of the gold group",
        _gold_provider_in_history,
    ),
    RowCount("ambiguous-gold", "the gold tool and a rival have the same document", _ambiguous_gold),
    RowCount(
        "identical-documents",
        "two same-function candidates have the same document",
        _identical_documents,
    ),
    RowCount(
        "distractor-takes-the-same",
        "a candidate of another job takes the gold tool's parameters",
        _distractor_takes_the_same,
    ),
    RowCount("gold-at-defaults", "the gold parameters are the documented defaults", _gold_at_defaults),
    RowCount("no-rival", "only one candidate does the job", _no_rival),
    RowCount("no-history", "the history is empty", lambda row: not row["history"]),
)
