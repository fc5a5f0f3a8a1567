"""Token ids that the tiny base model reads, and the tokens that it learns to write."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import torch
from base_rows import READING_KINDS, in_text, reading_turns
from base_tokenizer import function_name

from petoolbench import render_messages
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.training.training_chat import TrainingChat

KINDS = ("calls", "past parameters", *READING_KINDS)  # what the model learns to write
_CALL, _PARAMETERS = range(2)
_PAST_PARAMETERS = re.compile(r'^\{"instruction": .*", "parameters": (.*)$', re.MULTILINE)


class Targets(NamedTuple):
    """Tokens to write; several may be right at one position. All tensors are (n,).

    The weights of a position sum to 1. Any tool that does the job is an equally good answer, so where the names of two
    such tools differ first, each of their tokens has half of the weight. A gold tool that is drawn again for each row
    would say the same on average, with noise.

    Args:
        positions: of the tokens before the targets, rising.
        tokens: the targets' ids.
        weights: the targets' shares of their positions.
        kinds: of the answers that the targets are part of, as numbers of `KINDS`.
        answers: numbers of the answers in the prompt, from 0.
    """

    positions: torch.Tensor
    tokens: torch.Tensor
    weights: torch.Tensor
    kinds: torch.Tensor
    answers: torch.Tensor


def tokens_and_targets(chat: TrainingChat, rows: list[dict], rng: random.Random) -> tuple[torch.Tensor, Targets]:
    """(length,) token ids of a prompt with its answers, and the targets.

    Targets are the gold calls, the parameters of past calls in the prompt (both are copied from a request), and the
    answer to a question about the history.

    Args:
        chat: writes tools and calls as text, or as native functions.
        rows: rows that share the prompt. The second row's request follows the first row's call, and so on; the
            question comes last, if there is a history.
    """
    tools = rows[0]["candidate_tools"]
    system, *_ = render_messages(rows[0], native_tools=chat.native_tools)
    bare = {**rows[0], "history": [], "candidate_tools": []}
    requests = [render_messages({**bare, "instruction": row["instruction"]})[-1] for row in rows]
    turns = []
    if tools[0]["tool_description"]:
        for request, row in zip(requests, rows, strict=True):
            turns.append((_CALL, request, [chat.encode_answer(call, tools) for call in _right_calls(row)]))
    for kind, question, answers in reading_turns(rows[0], rng, _written_as_function if chat.native_tools else in_text):
        right = [[*_ids(chat, text), chat.end_token_id] for text in answers]
        turns.append((KINDS.index(kind), {"role": "user", "content": question}, right))
    rng.shuffle(turns)
    ids: list[int] = []
    found: list[tuple[int, int, float, int, int]] = []
    for number, (kind, request, right) in enumerate(turns):
        turn, past = _tokens_of_turn(chat, [request] if ids else [system, request], tools)
        skipped = 1 if ids else 0  # the BOS that the template writes before each turn
        found += [
            (len(ids) + position - skipped - 1, turn[position], 1.0, _PARAMETERS, len(turns)) for position in past
        ]
        ids += turn[skipped:]
        found += [
            (len(ids) + position - 1, token, weight, kind, number) for position, token, weight in _right_tokens(right)
        ]
        ids += right[0]
    return torch.tensor(ids), Targets(*map(torch.tensor, zip(*found, strict=True)))


def _right_calls(row: dict) -> Iterator[str]:
    """The gold call, and then the same call of the other tools that do the job."""
    yield gold_call(row)
    for name in row["same_function_tools"]:
        if name != row["tool_call"]["tool_name"]:
            yield gold_call({**row, "tool_call": {**row["tool_call"], "tool_name": name}})


def _right_tokens(answers: list[list[int]]) -> Iterator[tuple[int, int, float]]:
    """Positions of the first answer, next tokens of the answers that are equal up to there, and the tokens' shares."""
    equal_so_far = answers
    for position, token in enumerate(answers[0]):
        following = Counter(answer[position] for answer in equal_so_far)
        for each, count in following.items():
            yield position, each, count / len(equal_so_far)
        equal_so_far = [answer for answer in equal_so_far if answer[position] == token]


def _tokens_of_turn(chat: TrainingChat, messages: list[dict], tools: list[dict]) -> tuple[list[int], list[int]]:
    """Token ids, and the positions of the parameters of past calls among them."""
    functions = NativeTools(tools).functions() if chat.native_tools else None
    prompt = chat.tokenizer.apply_chat_template(messages, functions, add_generation_prompt=True, tokenize=False)
    encoded = chat.tokenizer(prompt, add_special_tokens=False, return_offsets_mapping=True)
    past = [match.span(1) for match in _PAST_PARAMETERS.finditer(prompt)]
    positions = [
        position
        for position, (start, end) in enumerate(encoded["offset_mapping"])
        if any(begin <= start and end <= stop for begin, stop in past)
    ]
    return encoded["input_ids"], positions


def _ids(chat: TrainingChat, text: str) -> list[int]:
    return chat.tokenizer(text, add_special_tokens=False)["input_ids"]


def _written_as_function(tool_name: str) -> str:
    return f'{{"name": "{function_name(tool_name)}"}}'
