"""Which of a row's sampled calls is preferred to which (paper, section 4, "Personalized DPO")."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from petoolkit.call_forms import AS_ASKED, ToolCall, as_call
from petoolkit.call_parameters import has_right_parameters
from petoolkit.evaluator.scores.judgements import gold_documents
from petoolkit.replies import answer_of, parse_reply, read_reply
from petoolkit.scoring import (
    error_reference,
    parameter_error,
    read_gold_call,
    tool_error,
)

CHOSEN_FROM = ("sampled", "gold")
# Error types of the paper's Table 2, in the order in which a rejected call is looked for: another tool of the same
# function is what the user's preference is about; then come other wrong tools, then the right tool called wrongly.
REJECTED_FROM = ("TPM", "TFM", "TH", "PNM", "PVM")


class NoPair(StrEnum):
    """Why a row gives no pair."""

    TIE = "every call is right"
    NO_CALL = "no reply is a call"
    NO_REPLY = "every request failed"
    TOO_LONG = "too long even without history"


@dataclass(frozen=True)
class Pair:
    """Two replies to one row, without white space around them.

    Args:
        chosen: the preferred reply.
        chosen_from: where it comes from, one of `CHOSEN_FROM`.
        rejected: the other reply.
        rejected_from: its error type, one of `REJECTED_FROM`.
    """

    chosen: str
    chosen_from: str
    rejected: str
    rejected_from: str


def pair_of(row: dict, replies: Sequence[str | None], gold_reply: str) -> Pair | NoPair:
    """The pair that a row's sampled replies give, or why they give none.

    The chosen reply is a call whose tool and parameters are right by both readers, without text around it, or the gold
    call if none was sampled. The rejected one is a call with a wrong tool or wrong parameters, of the first error type
    in `REJECTED_FROM` that was sampled. Of several calls, the one sampled most often is taken, and of those the first.
    A reply that only one reader takes as right, or a call that is not in the form that the prompt asks for, is neither
    chosen nor rejected: such a pair would teach spelling, not preference. Reasoning before the call is kept where both
    replies were sampled; where the gold call is chosen, which has none, the rejected reply loses its own.

    Args:
        row: a row of the dataset.
        replies: the sampled replies; `None` for failed requests.
        gold_reply: the row's gold call, in the form that the prompt asks for.
    """
    gold = read_gold_call(row["tool_call"])
    candidates = [tool["tool_name"] for tool in row["candidate_tools"]]
    calls: dict[str | None, list[str]] = {}  # replies by error type; `None` for right ones
    for reply in replies:
        call, how = read_reply(reply, tools=candidates)
        if reply is not None and call and how == AS_ASKED:
            calls.setdefault(_error_type(row, call, gold), []).append(reply.strip())
    right = [reply for reply in calls.get(None, []) if _is_exact(reply, gold)]
    for error in REJECTED_FROM:
        if error in calls:
            if right:
                return Pair(_most_frequent(right), "sampled", _most_frequent(calls[error]), error)
            return Pair(gold_reply, "gold", _most_frequent([answer_of(reply) for reply in calls[error]]), error)
    if calls:
        return NoPair.TIE
    return NoPair.NO_REPLY if all(reply is None for reply in replies) else NoPair.NO_CALL


def _error_type(row: dict, call: ToolCall, gold: ToolCall) -> str | None:
    """The error type of a call by the robust reader, that of the tool before that of the parameters."""
    reference = error_reference(row)
    wrong_tool = tool_error(
        call, gold, reference["candidate_tools"], reference["same_function_tools"], reference["acceptable_tools"]
    )
    return wrong_tool or parameter_error(call, gold, documents=gold_documents(row))


def _is_exact(reply: str, gold: ToolCall) -> bool:
    """Whether a reply that is right by the robust reader is right by the paper's, and is the call alone.

    Reasoning may stand before the call, since templates open it for the model.
    """
    try:
        is_call_alone = as_call(json.loads(answer_of(reply))) is not None
    except (ValueError, RecursionError):
        return False
    return is_call_alone and has_right_parameters(parse_reply(reply, "paper"), gold, "paper")


def _most_frequent(replies: list[str]) -> str:
    return Counter(replies).most_common(1)[0][0]
