"""Replies of a language model for blocks: descriptions of providers, and requests that state a need."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from petoolkit.block_rules import word_runs

from ..spoken_names import named
from ..traits import TRAITS, other_traits, uses_words_of
from .author import DescribeJob, OverrideJob
from .author_replies import Form, InvalidReply

_LONGEST_DESCRIPTION = 80  # words
_MOST_PROBLEMS = 6  # told to the model at once


class KeyedDescription(Form):
    """What the provider of one tool is like."""

    key: str
    description: str


class DescriptionsReply(Form):
    """A description for each key."""

    descriptions: list[KeyedDescription]


class RequestReply(Form):
    """A request."""

    instruction: str


def keyed_tools(job: DescribeJob) -> dict[str, str]:
    """The name of each tool by the key that stands for it in the prompt: no name can then leak into a description."""
    numbered = [("c", name) for name in job.candidates] + [("p", name) for name in job.called]
    return {f"{letter}{number}": name for number, (letter, name) in enumerate(numbered, start=1)}


def described_items(job: DescribeJob) -> tuple[list[dict], list[dict]]:
    """The prompt's lists, of candidates and of called tools: {key, category, traits (labels)}."""
    lists: tuple[list[dict], list[dict]] = ([], [])
    for key, name in keyed_tools(job).items():
        is_called = name in job.called
        traits = (job.called if is_called else job.candidates)[name]
        labels = [TRAITS[trait].label for trait in traits]
        lists[is_called].append({"key": key, "category": job.categories[name], "traits": labels})
    return lists


def check_descriptions(reply: DescriptionsReply, job: DescribeJob) -> dict[str, str]:
    """Descriptions by the tool's name, as `builder.authors.author.Author.describe_all` gives them.

    Raises:
        InvalidReply: if there is not one for each key, or one does not say its traits, says others, names a tool or
            provider, or, where wordings are crossed, has five words in a row in common with one of the other list.
    """
    names = keyed_tools(job)
    written = Counter(one.key for one in reply.descriptions)
    if wrong := sorted({key for key in names if written[key] != 1} | (written.keys() - names.keys())):
        raise InvalidReply(f"write exactly one description for each key of the two lists; see: {', '.join(wrong)}")
    texts = {one.key: " ".join(one.description.split()) for one in reply.descriptions}
    problems = [problem for key in names for problem in _problems(key, names[key], texts[key], job)]
    problems += _same_words({key: texts[key] for key in names}, job) if job.is_crossed else []
    if problems:
        raise InvalidReply("; ".join(problems[:_MOST_PROBLEMS]))
    return {name: texts[key] for key, name in names.items()}


def _problems(key: str, name: str, text: str, job: DescribeJob) -> Iterator[str]:
    traits = (job.called if name in job.called else job.candidates)[name]
    if not text:
        yield f"{key} is empty"
    if len(text.split()) > _LONGEST_DESCRIPTION:
        yield f"{key} has more than {_LONGEST_DESCRIPTION} words"
    for trait in traits:
        if not uses_words_of(text, trait):
            yield f"{key} does not say that the provider {TRAITS[trait].label}"
    for trait, sentence in other_traits(text, traits).items():
        yield f'{key} says in "{sentence}" that the provider {TRAITS[trait].label}, which it must not say'
    if found := named(text, [name]):
        yield f'{key} has the name of {found[0]}, "{found[1]}"; say it in other words'


def _same_words(texts: dict[str, str], job: DescribeJob) -> Iterator[str]:
    of_candidates = {run: key for key, text in texts.items() if key[0] == "c" for run in word_runs(text)}
    for key, text in texts.items():
        shared = min((run for run in word_runs(text) if run in of_candidates), default=None)
        if key[0] == "p" and shared:
            yield f'{key} has the words "{" ".join(shared)}" in common with {of_candidates[shared]}'


def check_need(reply: RequestReply, job: OverrideJob) -> str:
    """The request with its need, as `builder.authors.author.Author.override_all` gives it.

    Raises:
        InvalidReply: if a value that stood in the request is gone, the need is not said, another one is, or there is
            an objection to the request.
    """
    text = " ".join(reply.instruction.split())
    if text == job.instruction or not uses_words_of(text, job.trait):
        raise InvalidReply(f"the request does not ask for a provider that {TRAITS[job.trait].label}")
    gone = [
        f"{name} ({value})"
        for name, value in _spoken_values(job.parameters)
        if _stands(value, job.instruction) and not _stands(value, text)
    ]
    if gone:
        raise InvalidReply(f"these values stood in the request and are gone: {', '.join(gone)}")
    before = other_traits(job.instruction)
    for trait, sentence in other_traits(text, (job.trait, *before)).items():
        raise InvalidReply(f'the request asks in "{sentence}" for a provider that {TRAITS[trait].label}, too')
    if objection := job.objection(text):
        raise InvalidReply(f"the request {objection}")
    return text


def _spoken_values(parameters: str) -> Iterator[tuple[str, str]]:
    values: dict[str, Any] = json.loads(parameters)
    for name, value in values.items():
        yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _stands(value: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None
