"""One row, as plain data for the template."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from petoolbench import ToolName, to_json_text
from petoolkit.call_forms import AS_ASKED, MENDED, ToolCall
from petoolkit.call_parameters import ParameterDocument, has_right_parameters
from petoolkit.evaluator.scores.judgements import gold_documents
from petoolkit.explorer.judged_evaluations import HALF_RIGHT, READER, RIGHT, WRONG, JudgedEvaluation
from petoolkit.replies import read_reply
from petoolkit.row_reasons import Reason, reason_of
from petoolkit.schema_words import parameter_words
from petoolkit.scoring import parameter_error, read_gold_call, tool_error
from petoolkit.text import counted

_RATINGS = {1: "liked", 0: "disliked", None: "called"}


@dataclass(frozen=True)
class Argument:
    """A parameter of a call; `state` is `right`, `wrong` or `absent`, empty where there is nothing to compare with."""

    name: str
    value: str
    state: str = ""


@dataclass(frozen=True)
class Candidate:
    """A tool that could be called, and who called it."""

    position: int  # among the candidates, from 1
    name: ToolName
    tool: dict
    values: dict[str, str]  # which values each parameter takes, in words
    is_gold: bool
    past: list[str]  # what the history says of its provider, such as `2 liked` or `3 calls`
    callers: list[tuple[str, str]]  # a model's name, and RIGHT, HALF_RIGHT (only the tool is right) or WRONG


@dataclass(frozen=True)
class Answer:
    """A model's call, and the judgement of it."""

    model: str
    repeat: int | None  # from 1; `None` where each row was asked once
    tool: ToolName | None  # `None` without a reply, or where the reply does not hold a call
    tool_error: str | None
    parameter_error: str | None
    arguments: list[Argument]
    reply: str | None
    note: str  # why there is no reply, or what happened to the prompt


@dataclass(frozen=True)
class RowPage:
    """Everything that is shown of a row."""

    row: dict
    history: list[dict]  # `rating` (a word), `instruction`, `name`, `provider_description`, `traits`, `arguments`
    reason: Reason | None  # why the gold tool is the right one
    gold: ToolName
    gold_arguments: list[Argument]
    same_job: list[Candidate]
    others: list[Candidate]
    answers: list[Answer]


def row_page(row: dict, evaluations: list[JudgedEvaluation]) -> RowPage:
    """Collect what is shown of a row.

    Args:
        row: of the dataset.
        evaluations: those that asked about the row.
    """
    gold = read_gold_call(row["tool_call"])
    answers = [answer for evaluation in evaluations for answer in _answers(row, gold, evaluation)]
    past = _past_of_providers(row["history"])
    called: dict[ToolName, list[tuple[str, str]]] = {}
    for answer in answers:
        if answer.tool:
            mark = WRONG if answer.tool_error else HALF_RIGHT if answer.parameter_error else RIGHT
            called.setdefault(answer.tool, []).append((_caller(answer), mark))
    candidates = [
        Candidate(
            position=position,
            name=(name := ToolName.parse(tool["tool_name"])),
            tool=tool,
            values=parameter_words(tool),
            is_gold=tool["tool_name"] == gold.tool_name,
            past=past.get(name.provider, []) if name.provider else [],
            callers=called.get(name, []),
        )
        for position, tool in enumerate(row["candidate_tools"], 1)
    ]
    same = set(row["same_function_tools"])
    reason = reason_of(row)
    history = [
        {
            "rating": _RATINGS[call["rating"]],
            "instruction": call["instruction"],
            "name": ToolName.parse(call["tool_name"]),
            "provider_description": call["provider_description"],
            "traits": reason.call_traits[position] if reason else [],
            "arguments": _arguments_of_text(call["parameters"]),
        }
        for position, call in enumerate(row["history"])
    ]
    return RowPage(
        row=row,
        history=history,
        reason=reason,
        gold=ToolName.parse(gold.tool_name),
        gold_arguments=_arguments(gold.parameters),
        same_job=sorted(
            (c for c in candidates if c.is_gold or c.tool["tool_name"] in same), key=lambda c: not c.is_gold
        ),
        others=[c for c in candidates if not c.is_gold and c.tool["tool_name"] not in same],
        answers=answers,
    )


def _caller(answer: Answer) -> str:
    return answer.model if answer.repeat is None else f"{answer.model} ({answer.repeat})"


def _past_of_providers(history: list[dict]) -> dict[str, list[str]]:
    """How often each provider was liked, disliked or called, in words."""
    counts = Counter((ToolName.parse(call["tool_name"]).provider, _RATINGS[call["rating"]]) for call in history)
    past: dict[str, list[str]] = {}
    for word in _RATINGS.values():
        for (provider, rating), number in counts.items():
            if rating == word:
                past.setdefault(provider, []).append(
                    counted(number, "call") if rating == "called" else f"{number} {word}"
                )
    return past


def _answers(row: dict, gold: ToolCall, evaluation: JudgedEvaluation) -> Iterator[Answer]:
    for repeat in range(evaluation.repeats):
        line = evaluation.replies.get((row["id"], repeat), {"reply": None, "error": "there is no reply yet"})
        yield _answer(row, gold, evaluation.name, repeat + 1 if evaluation.repeats > 1 else None, line)


def _answer(row: dict, gold: ToolCall, model: str, repeat: int | None, line: dict) -> Answer:
    names = {tool["tool_name"] for tool in row["candidate_tools"]}
    call, how = read_reply(line["reply"], READER, names)
    documents = gold_documents(row)
    notes = [str(line["error"])] if line.get("error") else []
    if line.get("dropped_interactions"):
        notes.append(f"the prompt left out the {counted(line['dropped_interactions'], 'oldest interaction')}")
    if line.get("cut"):
        notes.append("the prompt was cut")
    if how not in (None, AS_ASKED):
        notes.append(f"the call was read as {how}" if how == MENDED else f"the call is in the model's {how}")
    return Answer(
        model=model,
        repeat=repeat,
        tool=ToolName.parse(call.tool_name) if call else None,
        tool_error=tool_error(call, gold, names, row["same_function_tools"], row["acceptable_tools"]),
        parameter_error=parameter_error(call, gold, READER, documents),
        arguments=_compared(call, gold, documents) if call else [],
        reply=line["reply"],
        note="; ".join(notes),
    )


def _compared(call: ToolCall, gold: ToolCall, documents: dict[str, ParameterDocument] | None) -> list[Argument]:
    """A call's parameters, each compared with the gold one, and those that are missing."""

    def right(name: str) -> bool:
        one, other = ({key: value for key, value in side.parameters.items() if key == name} for side in (call, gold))
        return has_right_parameters(ToolCall("", one), ToolCall("", other), READER, documents)

    given = [
        Argument(name, to_json_text(v), "right" if right(name) else "wrong") for name, v in call.parameters.items()
    ]
    absent = [name for name in gold.parameters if name not in call.parameters and not right(name)]
    return given + [Argument(name, "", "absent") for name in absent]


def _arguments(parameters: dict[str, Any]) -> list[Argument]:
    return [Argument(name, to_json_text(value)) for name, value in parameters.items()]


def _arguments_of_text(text: str) -> list[Argument]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    return _arguments(value) if isinstance(value, dict) else [Argument("parameters", text)]
