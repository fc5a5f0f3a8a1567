"""A reply without its reasoning: what a client of the model takes as the answer."""

import re
from collections.abc import Iterable

_TAGS = ("think", "thinking", "thought", "reasoning", "reflection", "seed:think")
# Marks that open reasoning in the replies and chat templates of today's model families, and those that close it.
REASONING_MARKS = {
    **{f"<{tag}>": f"</{tag}>" for tag in _TAGS},
    "[THINK]": "[/THINK]",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "\u25c1think\u25b7": "\u25c1/think\u25b7",
}
OPENING_MARK = "|".join(map(re.escape, REASONING_MARKS))  # a regular expression
CLOSING_MARK = "|".join(map(re.escape, REASONING_MARKS.values()))
_MARK = re.compile(f"(?P<opens>{OPENING_MARK})|(?P<closes>{CLOSING_MARK})")
# The channels of gpt-oss: with its special tokens, and as most servers write them when they drop these. A call names
# its function before or behind the channel.
_ANSWER = re.compile(
    r"<\|channel\|>final(?:\s*<\|constrain\|>\w+)?<\|message\|>|assistantfinal(?:json)?"
    r"|(?:<\|channel\|>|assistant)commentary(?=\s+to=)|(?:<\|start\|>assistant|\A)\s{0,4}to=(?=functions\.)"
)
_ANALYSIS = re.compile(r"\s*(?:<\|channel\|>analysis|analysis(?=[A-Z\s]))")


def has_reasoning(reply: str) -> bool:
    """Whether a reply may hold reasoning that is marked as such."""
    return bool(_MARK.search(reply) or "<|channel|>" in reply or _ANALYSIS.match(reply))


def without_reasoning(reply: str, quoted: Iterable[tuple[int, int]]) -> str:
    """The part of a reply that is its answer; empty where the reasoning never ended.

    Args:
        reply: the reply as the model wrote it.
        quoted: beginnings and ends of JSON objects in the reply; a mark in one of them is part of a value.
    """
    if "<|channel|>" in reply or _ANALYSIS.match(reply):
        answers = list(_ANSWER.finditer(reply))
        return reply[answers[-1].end() :] if answers else ""
    spans = iter(sorted(quoted))
    start, end = next(spans, (len(reply), len(reply)))
    kept: list[str] = []
    position, is_open = 0, False
    for mark in _MARK.finditer(reply):
        while end <= mark.start():
            start, end = next(spans, (len(reply), len(reply) + 1))
        if start <= mark.start():
            continue
        if mark["closes"]:
            if not is_open:  # a chat template opened it: all before it is reasoning
                kept = []
            is_open, position = False, mark.end()
        elif not is_open:
            kept.append(reply[position : mark.start()])
            is_open = True
    return "".join(kept) if is_open else "".join(kept) + reply[position:]
