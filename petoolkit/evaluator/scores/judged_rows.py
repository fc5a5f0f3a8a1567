"""A line of data for each reply: its row, the call that was read, the readers' verdicts, tokens and seconds."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from petoolbench import setting_of
from petoolkit.evaluator.scores.judgements import judge
from petoolkit.evaluator.stored_predictions import by_row
from petoolkit.replies import READERS, parse_reply

# Types by column, as `pyarrow` names them.
JUDGED_COLUMNS: dict[str, str] = {
    **dict.fromkeys(("id", "setting", "kind", "block"), "string"),
    "repeat": "int32",
    **dict.fromkeys(("gold_tool", "called_tool", "how_read"), "string"),
    **{
        f"{reader}_{part}_{verdict}": kind
        for reader in READERS
        for part in ("tool", "parameters")
        for verdict, kind in (("right", "bool_"), ("error", "string"))
    },
    "missing": "bool_",
    "error": "string",
    **dict.fromkeys(("prompt_tokens", "completion_tokens"), "int64"),
    "seconds": "float64",
}


def judged_rows(rows: Sequence[dict], predictions: Iterable[dict], repeats: int = 1) -> Iterator[dict[str, Any]]:
    """A line for each row and repeat, in the dataset's order, with the columns `JUDGED_COLUMNS`.

    The mean of `robust_tool_right` is Tool Acc by the robust reader, and so on: a missing reply is wrong (`missing`,
    error type `IF`). `called_tool` and `how_read` are by the robust reader, `None` where it found no call.

    Args:
        rows: rows of the dataset.
        predictions: lines of `predictions.jsonl`; of several for one row and repeat, the last one counts.
        repeats: number of replies asked to each row, if no prediction has a higher number.

    Raises:
        InputError: if a prediction is about a row that is not in `rows`.
    """
    indexed = by_row(predictions)
    judged = judge(rows, indexed, repeats)
    errors = {reader: judged.error_names(reader) for reader in READERS}
    of_rows = indexed.of_rows(row["id"] for row in rows)
    for number, (row, of_row) in enumerate(zip(rows, of_rows, strict=True)):
        last = {line["repeat"]: line for line in of_row}
        tools = frozenset(tool["tool_name"] for tool in row["candidate_tools"])
        for repeat in range(judged.repeats):
            prediction = last.get(repeat, {})
            call = parse_reply(prediction.get("reply"), READERS[0], tools)
            line = {
                "id": row["id"],
                "setting": setting_of(row),
                "kind": row["kind"],
                "block": row["block_id"],
                "repeat": repeat,
                "gold_tool": row["tool_call"]["tool_name"],
                "called_tool": _encodable(call.tool_name) if call else None,
                "how_read": judged.how_read[number, repeat],
                "missing": bool(judged.missing[number, repeat]),
                "error": _encodable(prediction["error"]) if prediction.get("error") else None,
                **{name: _whole(prediction.get(name)) for name in ("prompt_tokens", "completion_tokens")},
                "seconds": prediction.get("seconds"),
            }
            for reader, of_parts in errors.items():
                for part, names in zip(("tool", "parameters"), of_parts, strict=True):
                    error = names[number, repeat]
                    line |= {f"{reader}_{part}_right": error is None, f"{reader}_{part}_error": error}
            yield {name: line[name] for name in JUDGED_COLUMNS}


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


def _encodable(text: str) -> str:
    """A text that a file can hold: half of a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
