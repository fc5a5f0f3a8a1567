"""The sentences of the `offline` author: out of a tool's document, by rules and the words of `offline_words.yaml`."""

import json
import random
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from ..catalogue.tool_document import PROVIDER_FACT_LABELS
from ..traits import TRAITS
from .author import DescribeJob

_WORDS = yaml.safe_load(Path(__file__).with_name("offline_words.yaml").read_text(encoding="utf-8"))
_PLAINER_VERBS: dict[str, str] = _WORDS["plainer_verbs"]
_OTHER_VERBS: dict[str, list[str]] = _WORDS["other_verbs"]
_OPENINGS: list[str] = _WORDS["openings"]

_LONGEST_PHRASE = 25  # words
_ENOUGH_BEFORE_PAUSE = 4  # words
_LONGEST_ATTRIBUTES = 80  # words
_LONGEST_CATEGORY = 3  # words; five in a row must not be the same in two openings

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z(])")
_PAUSE = re.compile(r"[,:;]\s")
_NOT_SPOKEN = re.compile(
    r"""
    https?://\S+
    | \( [^()]* \)
    | [`*\#_]{1,3} (?=\s|$)     # marks of Markdown behind a word
    | (?<=\s) [`*\#]+           # and before one
    | `
    """,
    re.VERBOSE,
)
_AND_VERB = re.compile(r"\band (\w+s)\b")
_BLANK = re.compile(r"\{(\w+)\}")
_PROVIDER_OPENINGS: list[str] = _WORDS["provider_openings"]
_NOT_A_NAME = ("the", "a", "an", "all", "latest", "current", "information")  # loses its capital behind a verb

# How documents begin without a word about the function: "This endpoint returns ...", "Allows you to ...".
_THING = r"""
    (?: (?:rest|get|post)\s+ )?
    (?: api | endpoints? | end\ point | method | call | route | service | resource | function | operation | request )
"""
_PREAMBLES = [
    re.compile(pattern, re.IGNORECASE | re.VERBOSE)
    for pattern in (
        rf"^ (?:use|call|using) \s+ (?:this|the) \s+ {_THING} \s* ,? \s* (?:you\ can|to|for) \s+",
        rf"""
        ^ (?: (?:this|the|an?)\s+ )? {_THING} \s+
        (?: (?: that | which | is | can\ be | will | used | able | designed | allows? | lets? | enables? | helps?
              | you | users? | us | the | to | for ) \s+ )+
        """,
        rf"^ (?:this|the) \s+ {_THING} \s+",
        r"""
        ^ (?: it\s+ )? (?: allows? | lets? | enables? | helps? | permits? ) \s+
        (?: (?: you | users? | us | the\ user | one | to ) \s+ )+
        """,
        r"""
        ^ (?: it\ (?=\w+s\b) | you\ can | used\ to | use\ to | ability\ to | in\ order\ to | to
            | (?:responds?|replies)\ with ) \s* \b
        """,
    )
]
_NON_FUNCTIONAL = re.compile(rf"\b(?:{'|'.join(_WORDS['non_functional_words'].split())})\b", re.IGNORECASE)


def _forms(verb: str) -> Iterable[str]:
    """What a verb looks like in a document: `convert`, `converts`, `converting` and the like."""
    yield verb
    yield from (f"{verb}s", f"{verb}es", f"{verb[:-1]}ies")
    yield from (f"{verb}ing", f"{verb.rstrip('e')}ing", f"{verb}{verb[-1]}ing")


_VERB_OF_FORM = {form: verb for verb in _WORDS["verbs"].split() for form in _forms(verb)}


def function_phrase(description: str) -> str:
    """A description's first sentence as something one can ask for: a verb and what follows it.

    >>> function_phrase("This endpoint returns the current weather for a city. Updated hourly.")
    'get the current weather for a city'
    >>> function_phrase("Hull Moving Average indicator")
    'get Hull Moving Average indicator'
    """
    phrase = _SENTENCE_END.split(_NOT_SPOKEN.sub(" ", description).lstrip(" -*/#.:"), maxsplit=1)[0]
    phrase = _without_preambles(phrase)
    head = _PAUSE.split(phrase, maxsplit=1)[0]
    if len(head.split()) >= _ENOUGH_BEFORE_PAUSE:
        phrase = head
    phrase = _AND_VERB.sub(lambda match: "and " + _VERB_OF_FORM.get(match[1].lower(), match[1]), phrase)
    words = phrase.split()[:_LONGEST_PHRASE]
    verb = _VERB_OF_FORM.get(words[0].lower().rstrip(",:;.")) if words else None
    if verb and len(words) > 1:
        words[0] = _PLAINER_VERBS.get(verb, verb)
    else:
        if words and words[0].istitle() and words[0].lower() in _NOT_A_NAME:
            words[0] = words[0].lower()
        words.insert(0, "get")
    return " ".join(words).rstrip(" .!?:;,-")


def _without_preambles(phrase: str) -> str:
    for preamble in _PREAMBLES:
        shorter = preamble.sub("", phrase, count=1)
        if shorter != phrase and len(shorter.split()) > 1:
            return _without_preambles(shorter)
    return phrase


def attribute_sentences(provider_description: str) -> str:
    """The sentences of a provider's description that speak of more than its function; all of it if none does."""
    sentences = _SENTENCE_END.split(provider_description)
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
    for name in parameters.keys() & asks.keys():
        sentence = asks[name]
        if isinstance(sentence, dict):
            sentence = sentence[json.dumps(parameters[name])]
        request += " " + _filled(sentence, {name: parameters[name]})
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


def plain_name(name: str) -> str:
    """A parameter's name in words: `home city` of `homeCity`."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return re.sub(r"[\W_]+", " ", words).strip().lower() or name


def _listed(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _as_spoken(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)
