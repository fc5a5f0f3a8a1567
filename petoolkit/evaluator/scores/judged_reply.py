"""The metrics of one reply, for harnesses that judge row by row."""

from petoolkit.evaluator.scores.judgements import gold_documents
from petoolkit.replies import read_reply
from petoolkit.scoring import ACCURACIES, METRICS, Outcome, has_right_parameters, is_right_tool, read_gold_call


def judge_reply(row: dict, reply: str | None) -> dict[str, bool]:
    """Whether a reply is right, by the name of each metric that is a share of all rows.

    The reader is `robust`, so the means of these are the scores that `petoolbench score` gives for the same replies.

    Args:
        row: of the contract's columns.
        reply: as the model wrote it; `None` for a failed request.
    """
    gold = read_gold_call(row["tool_call"])
    call = read_reply(reply, tools=frozenset(tool["tool_name"] for tool in row["candidate_tools"])).call
    right_tool = is_right_tool(call, gold, row["acceptable_tools"])
    same_function = call is not None and call.tool_name in (gold.tool_name, *row["same_function_tools"])
    outcome = Outcome(right_tool, has_right_parameters(call, gold, documents=gold_documents(row)), same_function)
    return {name: bool(METRICS[name].is_right(outcome)) for name in ACCURACIES}
