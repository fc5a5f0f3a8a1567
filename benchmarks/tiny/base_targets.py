"""What the tiny base model reads, and what it is to write there: token ids and their targets."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from base_rows import reading_turn

from petoolbench import render_messages
from petoolkit.training.training_rows import gold_call

if TYPE_CHECKING:
    import torch

_PAST_PARAMETERS = re.compile(r'^\{"instruction": .*", "parameters": (.*)$', re.MULTILINE)


class Targets(NamedTuple):
    """Tokens to be written, of which several may be right at one place. All of (n,).

    A place's weights sum to 1: any tool that does the job is as good an answer, and where the names of two part, half
    of the target is on each. A gold tool drawn anew for each row says the same on average, with noise.
    """

    places: "torch.Tensor"  # of the token that the target follows on, rising
    tokens: "torch.Tensor"
    weights: "torch.Tensor"


def tokens_and_targets(tokenizer: Any, rows: list[dict]) -> tuple["torch.Tensor", Targets]:
    """(length,) token ids of a prompt with its answers, and the targets.

    Targets are the gold calls, the parameters of past calls in the prompt (both are copied from a request), and the
    answer to a question about the history.

    Args:
        tokenizer: with a chat template.
        rows: that have the prompt in common; the second's request follows on the first's call, and so on. Last comes
            the question, if there is a history.
    """
    import torch

    system, *_ = render_messages(rows[0])
    bare = {**rows[0], "history": [], "candidate_tools": []}
    requests = [render_messages({**bare, "instruction": row["instruction"]})[-1] for row in rows]
    turns = [(request, list(_right_calls(row))) for request, row in zip(requests, rows, strict=True)]
    if rows[0]["history"]:
        question, answer = reading_turn(rows[0])
        turns.append(({"role": "user", "content": question}, [answer]))
    ids: list[int] = []
    found: list[tuple[int, int, float]] = []
    for request, answers in turns:
        turn, past = _tokens_of_turn(tokenizer, [request] if ids else [system, request])
        begun = 1 if ids else 0  # the template begins with a token for a text's beginning
        found += [(len(ids) + place - begun - 1, turn[place], 1.0) for place in past]
        ids += turn[begun:]
        texts = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in answers]
        right = [[*text, tokenizer.eos_token_id] for text in texts]
        found += [(len(ids) + place - 1, token, weight) for place, token, weight in _right_tokens(right)]
        ids += right[0]
    places, tokens, weights = zip(*found, strict=True)
    return torch.tensor(ids), Targets(torch.tensor(places), torch.tensor(tokens), torch.tensor(weights))


def _right_calls(row: dict) -> Iterator[str]:
    """The gold call, and those of the other tools that do the job."""
    yield gold_call(row)
    for name in row["same_function_tools"]:
        if name != row["tool_call"]["tool_name"]:
            yield gold_call({**row, "tool_call": {**row["tool_call"], "tool_name": name}})


def _right_tokens(answers: list[list[int]]) -> Iterator[tuple[int, int, float]]:
    """Of each place in the first of some answers, the tokens by which one of them goes on, with their shares."""
    alike = answers
    for place, token in enumerate(answers[0]):
        following = Counter(answer[place] for answer in alike)
        for each, count in following.items():
            yield place, each, count / len(alike)
        alike = [answer for answer in alike if answer[place] == token]


def _tokens_of_turn(tokenizer: Any, messages: list[dict]) -> tuple[list[int], list[int]]:
    """Token ids, and the places among them of parameters of past calls."""
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    encoded = tokenizer(prompt, add_special_tokens=False, return_offsets_mapping=True)
    past = [match.span(1) for match in _PAST_PARAMETERS.finditer(prompt)]
    places = [
        place
        for place, (start, end) in enumerate(encoded["offset_mapping"])
        if any(begin <= start and end <= stop for begin, stop in past)
    ]
    return encoded["input_ids"], places
