"""One row, as plain data for the template."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from petoolbench import SETTINGS, ToolName, setting_of, to_json_text
from petoolkit.block_rules import liked_calls
from petoolkit.call_forms import AS_ASKED, MENDED, ToolCall
from petoolkit.call_parameters import ParameterDocument, has_right_parameters
from petoolkit.evaluator.scores.judgements import gold_documents
from petoolkit.explorer.judged_evaluations import READER, JudgedEvaluation
from petoolkit.explorer.outcomes import HALF_RIGHT, RIGHT, WRONG
from petoolkit.explorer.reply_view import ReplyPart, Verdict, reply_parts, verdict
from petoolkit.explorer.row_changes_shown import call_changes, calls_left_out, candidate_changes
from petoolkit.explorer.shown_history import ShownHistory, shown_histories
from petoolkit.explorer.tastes import taste_of
from petoolkit.explorer.text_marks import LIKED, Part, RowMarks
from petoolkit.explorer.trait_sentences import TraitSentences
from petoolkit.replies import READERS
from petoolkit.row_reasons import Reason, reason_of
from petoolkit.schema_words import parameter_words
from petoolkit.scoring import read_gold_call
from petoolkit.text import counted

_RATINGS = {1: "liked", 0: "disliked", None: "called"}


@dataclass(frozen=True)
class Argument:
    """A parameter of a call; `state` is `right`, `wrong` or `absent`, empty where there is nothing to compare with."""

    name: str
    value: str
    state: str = ""


@dataclass(frozen=True)
class Trait:
    """A trait of a tool that does the job, and what the history says of it; `kind` is one of `text_marks`."""

    name: str
    kind: str
    liked: int
    disliked: int


@dataclass(frozen=True)
class Candidate:
    """A tool that could be called, and who called it."""

    position: int  # among the candidates, from 1
    name: ToolName
    tool: dict
    values: dict[str, str]  # which values each parameter takes, in words
    is_gold: bool
    is_preferred: bool  # whether it is the tool that the user prefers, where another one is gold
    about: list[Part]  # what its provider is like
    traits: list[Trait]
    lacks: list[str]  # liked traits that it does not have
    past: list[str]  # what the history says of its provider, such as `2 liked` or `3 calls`
    callers: list[tuple[str, str]]  # a model's name, and RIGHT, HALF_RIGHT (only the tool is right) or WRONG
    changes: list[str]  # what is otherwise in the form that is compared with


@dataclass(frozen=True)
class PastCall:
    """A past call; `mark` is `liked`, `disliked`, `older`, `newer` or `called`."""

    position: int  # in the history, from 1
    name: ToolName
    mark: str
    instruction: str
    about: list[Part]
    traits: list[tuple[str, str]]  # those that decide between the candidates: name and kind
    arguments: list[Argument]
    candidates: list[int]  # positions of the candidates that do the job and are of its provider
    changes: list[str]


@dataclass(frozen=True)
class Answer:
    """A model's call, and the judgement of it."""

    model: str
    repeat: int | None  # from 1; `None` where each row was asked once
    number: int  # of the repeat, from 0
    tool: ToolName | None  # `None` without a reply, or where the reply does not hold a call
    verdicts: list[Verdict]  # of each reader
    arguments: list[Argument]
    reply: list[ReplyPart] | None  # `None` without a reply
    notes: list[str]  # why there is no reply, what happened to the prompt, how the reply was read

    @property
    def by_readers(self) -> list[tuple[str, Verdict]]:
        """The verdicts, each once, with the readers that come to it, in words."""
        first, *others = self.verdicts
        if all(one.tool_error == first.tool_error and one.parameter_error == first.parameter_error for one in others):
            return [("both readers", first)]
        return [(f"{one.reader} reader", one) for one in self.verdicts]


@dataclass(frozen=True)
class RowPage:
    """Everything that is shown of a row."""

    row: dict
    history: list[PastCall]
    shown: list[ShownHistory]  # what models were shown of it; empty where all were shown all
    calls_left_out: str
    reason: Reason | None  # why the gold tool is the right one
    legend: dict[str, list[str]]  # traits by the kind of their marks
    shared: list[str]  # words that liked calls and the gold tool share, where the row does not name traits
    gold: ToolName
    gold_arguments: list[Argument]
    same_job: list[Candidate]
    others: list[Candidate]
    answers: list[Answer]


def row_page(
    row: dict,
    evaluations: list[JudgedEvaluation],
    sentences: TraitSentences,
    asked_as: str | None = None,
    beside: dict | None = None,
) -> RowPage:
    """Collect what is shown of a row.

    Args:
        row: of the dataset, or of a counterfactual.
        evaluations: those that asked about the row.
        sentences: know which sentence speaks of which trait.
        asked_as: the id under which the replies are kept; the row's own by default.
        beside: another form of the row, to which it is compared.
    """
    gold = read_gold_call(row["tool_call"])
    asked_as = asked_as or row["id"]
    answers = [answer for one in evaluations for answer in _answers(row, gold, one, asked_as)]
    reason, taste, liked = reason_of(row), taste_of(row), liked_calls(row)
    marks = RowMarks(row, liked, taste if reason else None, sentences)
    counts = Counter(
        (trait, is_liked)
        for traits, is_liked in zip(taste.of_calls if taste else [], liked, strict=False)
        for trait in traits
    )
    past = _past_of_providers(row["history"])
    called: dict[ToolName, list[tuple[str, str]]] = {}
    for answer in answers:
        if answer.tool:
            robust = answer.verdicts[0]
            mark = WRONG if robust.tool_error else HALF_RIGHT if robust.parameter_error else RIGHT
            called.setdefault(answer.tool, []).append((_caller(answer), mark))
    changes = candidate_changes(row, beside) if beside else [[]] * len(row["candidate_tools"])
    same = {gold.tool_name, *row["same_function_tools"]}
    preferred = {one.tool_name for one in reason.evidence if one.is_preferred} if reason else set()

    def candidate(position: int, tool: dict, changed: list[str]) -> Candidate:
        name = ToolName.parse(tool["tool_name"])
        traits = taste.of_tools[tool["tool_name"]] if taste and reason and tool["tool_name"] in same else ()
        liked_traits = [reason.trait] if reason and reason.trait and tool["tool_name"] in same else []
        return Candidate(
            position=position,
            name=name,
            tool=tool,
            values=parameter_words(tool),
            is_gold=tool["tool_name"] == gold.tool_name,
            is_preferred=tool["tool_name"] in preferred and tool["tool_name"] != gold.tool_name,
            about=marks.of_tool(tool) if tool["tool_name"] in same else [Part(tool["provider_description"] or "")],
            traits=sorted(
                (Trait(one, marks.kinds.get(one, ""), counts[one, True], counts[one, False]) for one in traits),
                key=lambda trait: trait.kind != LIKED,
            ),
            lacks=[one for one in liked_traits if one not in traits],
            past=past.get(name.provider, []) if name.provider else [],
            callers=called.get(name, []),
            changes=changed,
        )

    candidates = [
        candidate(position, tool, changed)
        for position, (tool, changed) in enumerate(zip(row["candidate_tools"], changes, strict=True), 1)
    ]
    legend: dict[str, list[str]] = {}
    for trait, kind in marks.kinds.items():
        legend.setdefault(kind, []).append(trait)
    return RowPage(
        row=row,
        history=_history(row, marks, reason, liked, call_changes(row, beside) if beside else None),
        shown=shown_histories(row, evaluations, asked_as),
        calls_left_out=calls_left_out(row, beside) if beside else "",
        reason=reason,
        legend=legend,
        shared=sorted(marks.shared),
        gold=ToolName.parse(gold.tool_name),
        gold_arguments=_arguments(gold.parameters),
        same_job=sorted((c for c in candidates if c.tool["tool_name"] in same), key=lambda c: not c.is_gold),
        others=[c for c in candidates if c.tool["tool_name"] not in same],
        answers=answers,
    )


def _history(
    row: dict, marks: RowMarks, reason: Reason | None, liked: Sequence[bool], changes: list[list[str]] | None
) -> list[PastCall]:
    setting = SETTINGS[setting_of(row)]
    offering: dict[str, list[int]] = {}
    for number, tool in enumerate(row["candidate_tools"], 1):
        provider = ToolName.parse(tool["tool_name"]).provider
        if provider and tool["tool_name"] in row["same_function_tools"]:
            offering.setdefault(provider, []).append(number)

    def mark(call: dict, is_liked: bool) -> str:
        if setting.dislikes == "first" and call["rating"] is None:
            return "newer" if is_liked else "older"
        return _RATINGS[call["rating"]]

    return [
        PastCall(
            position=position + 1,
            name=ToolName.parse(call["tool_name"]),
            mark=mark(call, liked[position]),
            instruction=call["instruction"],
            about=marks.of_call(position, call),
            traits=[(trait, marks.kinds.get(trait, "")) for trait in (reason.call_traits[position] if reason else [])],
            arguments=_arguments_of_text(call["parameters"]),
            candidates=offering.get(ToolName.parse(call["tool_name"]).provider, []),
            changes=changes[position] if changes else [],
        )
        for position, call in enumerate(row["history"])
    ]


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


def _answers(row: dict, gold: ToolCall, evaluation: JudgedEvaluation, asked_as: str) -> Iterator[Answer]:
    for repeat in range(evaluation.repeats):
        line = evaluation.replies.get((asked_as, repeat), {"reply": None, "error": "there is no reply yet"})
        yield _answer(row, gold, evaluation, repeat, line)


def _answer(row: dict, gold: ToolCall, evaluation: JudgedEvaluation, repeat: int, line: dict) -> Answer:
    reply = line["reply"]
    found = [verdict(row, reply, reader) for reader in READERS]
    call, how = found[0].call, found[0].how
    notes = [str(line["error"])] if line.get("error") else []
    if reply is not None and not reply.strip():
        notes.append("the reply is empty")
    if line.get("finish_reason") == "length":
        notes.append("the reply was cut at the most tokens of a reply")
    if line.get("dropped_interactions"):
        notes.append(f"the prompt left out the {counted(line['dropped_interactions'], 'oldest interaction')}")
    if line.get("cut"):
        notes.append("the prompt was cut")
    if how not in (None, AS_ASKED):
        notes.append(f"the call was read as {how}" if how == MENDED else f"the call is in the model's {how}")
    names = {tool["tool_name"] for tool in row["candidate_tools"]}
    return Answer(
        model=evaluation.name,
        repeat=repeat + 1 if evaluation.repeats > 1 else None,
        number=repeat,
        tool=ToolName.parse(call.tool_name) if call else None,
        verdicts=found,
        arguments=_compared(call, gold, gold_documents(row)) if call else [],
        reply=None if reply is None else reply_parts(reply, call, names),
        notes=notes,
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
