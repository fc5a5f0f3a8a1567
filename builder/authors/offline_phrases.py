"""The sentences of the `offline` author, by rules and the words of `offline_words.yaml`."""

import json
import random
import re
from collections.abc import Iterable
from typing import Any

from ..catalogue.tool_document import PROVIDER_FACT_LABELS
from ..traits import TRAITS
from .author import DescribeJob
from .offline_functions import SENTENCE_END, WORDS
from .offline_values import plain_name

_OTHER_VERBS: dict[str, list[str]] = WORDS["other_verbs"]
_OPENINGS: list[str] = WORDS["openings"]
_PROVIDER_OPENINGS: list[str] = WORDS["provider_openings"]

_LONGEST_ATTRIBUTES = 80  # words
_LONGEST_CATEGORY = 3  # words; five in a row must not be the same in two openings

_BLANK = re.compile(r"\{(\w+)\}")
_NON_FUNCTIONAL = re.compile(rf"\b(?:{'|'.join(WORDS['non_functional_words'].split())})\b", re.IGNORECASE)


def attribute_sentences(provider_description: str) -> str:
    """The sentences of a provider's description that speak of more than its function; all of it if none does."""
    sentences = SENTENCE_END.split(provider_description)
    chosen = [sentence for sentence in sentences[1:] if _NON_FUNCTIONAL.search(sentence)]
    if all(sentence.startswith(PROVIDER_FACT_LABELS) for sentence in chosen):
        chosen = sentences
    return " ".join(" ".join(chosen).split()[:_LONGEST_ATTRIBUTES])


def reworded(functionality: str, rng: random.Random) -> str:
    """The same function with its verb or another one that means the same."""
    verb, _, rest = functionality.partition(" ")
    return f"{rng.choice((verb, *_OTHER_VERBS.get(verb, ())))} {rest}"


def ask_as_people_do(tool: dict, parameters: dict[str, Any], rng: random.Random) -> str:
    """One of the catalogue's requests with the values of the required parameters, and what asks for the others."""
    request = _filled(rng.choice(tool["requests"]), parameters)
    asks = {parameter["name"]: parameter["asks"] for parameter in tool["optional_parameters"]}
    for name, value in parameters.items():
        if name in asks:
            sentence = asks[name][json.dumps(value)] if isinstance(asks[name], dict) else asks[name]
            request += " " + _filled(sentence, {name: value})
    return request


def _filled(text: str, values: dict[str, Any]) -> str:
    shown = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return _BLANK.sub(lambda blank: shown.get(blank[1], blank[0]), text)


def assigned_descriptions(job: DescribeJob) -> dict[str, str]:
    """Descriptions of providers by tool name: an opening, and a sentence of `builder.traits` for each trait.

    If wordings are crossed, candidates draw from one half of all sentences, and called tools from the other.
    """
    texts = {"": _PROVIDER_OPENINGS, **{name: trait.wordings for name, trait in TRAITS.items()}}
    mixed = {name: job.rng.sample(all_, len(all_)) for name, all_ in texts.items()}
    described = {}
    for tools, is_called in ((job.candidates, False), (job.called, True)):
        possible = {name: _half(all_, is_called) for name, all_ in mixed.items()} if job.is_crossed else mixed
        for name, traits in tools.items():
            category = " ".join(plain_name(job.categories[name]).split()[:_LONGEST_CATEGORY])
            sentences = [job.rng.choice(possible[trait]) for trait in traits]
            described[name] = " ".join([job.rng.choice(possible[""]).format(category), *sentences])
    return described


def _half(texts: list[str], is_second: bool) -> list[str]:
    middle = len(texts) // 2
    return texts[middle:] if is_second else texts[:middle]


def write_request(phrase: str, parameters: dict[str, Any], rng: random.Random) -> str:
    """A user's request for `phrase` that says every parameter's value."""
    opening = rng.choice(_OPENINGS).format(phrase)
    mark = "?" if opening.startswith("Can you") else "."
    if not parameters:
        return opening + mark
    pairs = [(plain_name(name), _as_spoken(value)) for name, value in parameters.items()]
    style = rng.randrange(3)
    if style == 0:
        return f"{opening}, with {_listed(f'{name} {value}' for name, value in pairs)}{mark}"
    if style == 1:
        return f"{opening}{mark} Use {_listed(f'{value} as the {name}' for name, value in pairs)}."
    listed = "; ".join(f"{name}: {value}" for name, value in pairs)
    return f"{opening}{mark} {listed[0].upper()}{listed[1:]}."


def _listed(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _as_spoken(value: Any) -> str:
    if isinstance(value, list):
        return _listed(map(_as_spoken, value))
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)
