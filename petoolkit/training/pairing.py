"""Which of a row's sampled calls is preferred to which (paper, section 4, "Personalized DPO"): no model, no files."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from petoolkit.replies import ToolCall, as_call, parse_reply
from petoolkit.scoring import (
    error_reference,
    has_right_parameters,
    parameter_error,
    parameter_types,
    read_gold_call,
    tool_error,
)

CHOSEN_FROM = ("sampled", "gold")
# Error types of the paper's Table 2, in the order in which a rejected call is looked for: another tool of the same
# function is what the user's preference is about; then come other wrong tools, then the right one called wrongly.
REJECTED_FROM = ("TPM", "TFM", "TH", "PNM", "PVM")


class NoPair(StrEnum):
    """Why a row gives no pair."""

    TIE = "every call is right"
    NO_CALL = "no reply is a call"
    NO_REPLY = "every request failed"
    TOO_LONG = "too long even without history"


@dataclass(frozen=True)
class Pair:
    """Two replies to one row, as they were written but for white space around them."""

    chosen: str
    chosen_from: str  # one of `CHOSEN_FROM`
    rejected: str
    rejected_from: str  # one of `REJECTED_FROM`


def pair_of(row: dict, replies: Sequence[str | None], gold_reply: str) -> Pair | NoPair:
    """The pair that a row's sampled replies give, or why there is none.

    Chosen is a call that is right in tool and parameters by both readers, with no text around it; the gold call if
    none was sampled. Rejected is one with a wrong tool or wrong parameters, of the first of `REJECTED_FROM` that was
    sampled. Of several, the one sampled most often is taken, and of those the first. What only one reader takes as
    right, or as a call, is neither: such a pair would teach spelling, not preference.

    Args:
        row: a row of the dataset.
        replies: what was sampled; `None` for failed requests.
        gold_reply: the row's gold call, in the form that a model is asked for.
    """
    gold = read_gold_call(row["tool_call"])
    calls: dict[str | None, list[str]] = {}  # by error type, as they were written
    for reply in replies:
        if reply is not None and (call := parse_reply(reply)) is not None:
            calls.setdefault(_error(row, call, gold), []).append(reply.strip())
    right = [text for text in calls.get(None, []) if _is_plain(text, gold)]
    for error in REJECTED_FROM:
        if error in calls:
            chosen, chosen_from = (_likeliest(right), "sampled") if right else (gold_reply, "gold")
            return Pair(chosen, chosen_from, _likeliest(calls[error]), error)
    if calls:
        return NoPair.TIE
    return NoPair.NO_REPLY if all(reply is None for reply in replies) else NoPair.NO_CALL


def _error(row: dict, call: ToolCall, gold: ToolCall) -> str | None:
    """The error type of a call, by the robust reader; the tool's comes first."""
    reference = error_reference(row)
    types = next((parameter_types(t) for t in row["candidate_tools"] if t["tool_name"] == gold.tool_name), None)
    wrong_tool = tool_error(call, gold, reference["candidate_tools"], reference["same_function_tools"])
    return wrong_tool or parameter_error(call, gold, types=types)


def _is_plain(text: str, gold: ToolCall) -> bool:
    """Whether a reply that is right to the robust reader is so to the paper's too, and is nothing but the call."""
    try:
        only_a_call = as_call(json.loads(text)) is not None
    except ValueError:
        return False
    return only_a_call and has_right_parameters(parse_reply(text, "paper"), gold, "paper")


def _likeliest(texts: list[str]) -> str:
    return Counter(texts).most_common(1)[0][0]
