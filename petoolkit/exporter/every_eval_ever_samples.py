"""Lines for single replies in the form of the collection Every Eval Ever."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from petoolbench import render_messages
from petoolkit.evaluator.results_folder import Results
from petoolkit.evaluator.scores.judged_rows import judged_rows
from petoolkit.evaluator.stored_rows import facts_of


def samples(rows: Sequence[dict], results: Results) -> Iterator[tuple[str, dict[str, Any]]]:
    """A line for each row and repeat, about Tool Acc by the robust reader, without the keys of its evaluation.

    Args:
        rows: of the dataset.
        results: the replies to them.

    Yields:
        The setting of a row, and the line of a reply to it.
    """
    verdicts = groupby(judged_rows(rows, results.predictions, results.manifest.options.repeat), itemgetter("id"))
    of_rows = results.predictions.of_rows(row["id"] for row in facts_of(rows))
    for row, lines, (_, of_row) in zip(rows, of_rows, verdicts, strict=True):
        replies = {line["repeat"]: line["reply"] for line in lines}
        for verdict in of_row:
            yield verdict["setting"], _sample(row, verdict, replies.get(verdict["repeat"]))


def _sample(row: dict, verdict: dict, reply: str | None) -> dict[str, Any]:
    asked = "\n\n".join(message["content"] for message in render_messages(row))
    right = list(row["acceptable_tools"])
    return {
        "sample_id": row["id"],
        "sample_hash": hashlib.sha256(_encodable(asked + "".join(right)).encode()).hexdigest(),
        "interaction_type": "single_turn",
        "input": {
            "raw": _encodable(asked),
            "reference": right,
            "choices": [tool["tool_name"] for tool in row["candidate_tools"]],
        },
        "output": {"raw": [] if reply is None else [_encodable(reply)]},
        "answer_attribution": _attribution(verdict),
        "evaluation": {
            "score": float(verdict["robust_tool_right"]),
            "is_correct": verdict["robust_tool_right"],
        },
        **_usage(verdict),
        "metadata": {name: str(verdict[name]) for name in ("setting", "kind", "block", "repeat")},
    }


def _attribution(verdict: dict[str, Any]) -> list[dict[str, Any]]:
    """The called tool, and how it was read; empty if the reply holds no call."""
    if verdict["called_tool"] is None:
        return []
    return [
        {
            "turn_idx": 0,
            "source": "output.raw",
            "extracted_value": verdict["called_tool"],
            "extraction_method": f"the tool call, {verdict['how_read']}",
            "is_terminal": True,
        }
    ]


def _usage(verdict: dict[str, Any]) -> dict[str, Any]:
    """Tokens, seconds and the error of a request, as far as they are known."""
    found: dict[str, Any] = {}
    sent, written = verdict["prompt_tokens"], verdict["completion_tokens"]
    if sent is not None and written is not None:
        found["token_usage"] = {"input_tokens": sent, "output_tokens": written, "total_tokens": sent + written}
    if verdict["seconds"] is not None:
        found["performance"] = {"latency_ms": 1000 * verdict["seconds"]}
    if verdict["error"]:
        found["error"] = verdict["error"]
    return found


def _encodable(text: str) -> str:
    """A text that a file can hold: half of a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode()
