"""What was made of histories before the requests were asked, kept in an evaluation's folder: `memories.jsonl`."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ValidationError

from petoolbench import InputError, setting_of, to_json_text
from petoolkit.decoding import decode_json
from petoolkit.evaluator.models.model import Answer
from petoolkit.evaluator.models.processes import Rank
from petoolkit.files import write_json_lines
from petoolkit.replies import answer_of

_NAME = "memories"


class Memory(BaseModel):
    """A line of `memories.jsonl`: what is shown instead of a history, or why it is not known.

    Args:
        key: of the history (`history_keys`), or the id of a row, whose request a memory was recalled for.
        row: id of a row with this history.
        calls_read: number of past calls that it was made of.
        dropped: number of oldest calls that did not fit into the prompt that asked for it.
        text: what is shown.
        calls: numbers of the past calls that are shown instead of a text, from 0.
        error: why there is neither; such a memory is not kept.
        cut: whether the text was cut at the most tokens of a reply.
        prompt_tokens, completion_tokens: of the model, if it counts them.
        seconds: that it took.
    """

    key: str
    row: str
    calls_read: int
    dropped: int = 0
    text: str | None = None
    calls: list[int] | None = None
    error: str | None = None
    cut: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None


def history_keys(row: dict) -> list[str]:
    """The keys of a row's history as it grew, after each past call: 16 hexadecimal digits.

    Rows with the same past calls in the same setting have the same keys. Neither request nor candidates are in them.
    """
    key, keys = setting_of(row), []
    for call in row["history"]:
        key = hashlib.sha256(f"{key}\n{to_json_text(call)}".encode()).hexdigest()[:16]
        keys.append(key)
    return keys


def written_memory(row: dict, key: str, calls_read: int, dropped: int, answer: Answer, what: str) -> Memory:
    """A text that a model wrote, without its reasoning; `what` names it where there is none."""
    return Memory(
        key=key,
        row=row["id"],
        calls_read=calls_read,
        dropped=dropped,
        text=None if answer.reply is None else answer_of(answer.reply),
        error=f"its {what} was not written: {answer.error}" if answer.reply is None else None,
        cut=answer.finish_reason == "length" or answer.cut_at is not None,
        prompt_tokens=_sum(answer.prompt_tokens, answer.discarded_prompt_tokens),
        completion_tokens=_sum(answer.completion_tokens, answer.discarded_completion_tokens),
        seconds=answer.seconds,
    )


def _sum(tokens: int | None, discarded: int) -> int | None:
    return None if tokens is None else tokens + discarded


def read_memories(folder: Path) -> dict[str, Memory]:
    """The kept memories of an evaluation by key; of several with one key, the last; none if there is no such file.

    Raises:
        InputError: if a line is damaged. An incomplete last line, left by an interruption, is ignored.
    """
    return {memory.key: memory for path in _files(folder) for memory in _lines(path)}


def _lines(path: Path) -> Iterator[Memory]:
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield Memory.model_validate(decode_json(line))
            except (ValueError, ValidationError):
                if not line.endswith(b"\n"):
                    return
                raise InputError(
                    f"{path}, line {number}: not what was made of a history; remove the line, and evaluate again."
                ) from None


@contextmanager
def keeping(folder: Path, rank: Rank) -> Iterator[Callable[[Memory], None]]:
    """Yield a function that writes a memory at once; each of several processes has its own file.

    Raises:
        InputError: if the disk is full, or the folder cannot be written.
    """
    path = folder / (f"{_NAME}.jsonl" if rank.count == 1 else f"{_NAME}.rank{rank.index}.jsonl")
    try:
        with open(path, "a", encoding="utf-8") as file:

            def keep(memory: Memory) -> None:
                file.write(to_json_text(memory.model_dump(exclude_defaults=True)) + "\n")
                file.flush()

            yield keep
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}); free some space, then run the same command again."
        ) from error


def finish_memories(folder: Path) -> None:
    """Write what several processes kept into one file."""
    if len(files := _files(folder)) > 1:
        write_memories(folder, read_memories(folder))
        for path in files:
            if path.name != f"{_NAME}.jsonl":
                path.unlink()


def write_memories(folder: Path, memories: Mapping[str, Memory]) -> None:
    """Write memories into an evaluation's folder; no file if there are none."""
    if memories:
        lines = (memory.model_dump(exclude_defaults=True) for memory in memories.values())
        write_json_lines(folder / f"{_NAME}.jsonl", lines)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_NAME}*.jsonl"))
