"""The `offline` author: writes what a model would write, by rules, from a tool's document. No key, no network.

Its texts are plain on purpose; the dataset card says that rules wrote them.
"""

import json
import random
import re
from collections.abc import Iterable, Iterator
from typing import Any

from petoolbench import ToolName

from ..stages.collect import FACT_OPENINGS
from .author import HistoryJob, InstructJob, UnderstandJob, Written

NAME = "offline"

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z(])")
_LONGEST_PHRASE = 25  # words
_ENOUGH_BEFORE_PAUSE = 4  # words
_PAUSE = re.compile(r"[,:;]\s")
_NOT_SPOKEN = re.compile(r"https?://\S+|\([^()]*\)|[`*#_]{1,3}(?=\s|$)|(?<=\s)[`*#]+|`")
_AND_VERB = re.compile(r"\band (\w+s)\b")

# "This endpoint returns ...", "Use this method to ...", "Allows you to ..." say nothing about the function.
_THING = (
    r"(?:(?:rest|get|post)\s+)?"
    r"(?:api|endpoints?|end point|method|call|route|service|resource|function|operation|request)"
)
_PREAMBLES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^(?:use|call|using)\s+(?:this|the)\s+{_THING}\s*,?\s*(?:you can|to|for)\s+",
        rf"^(?:(?:this|the|an?)\s+)?{_THING}\s+"
        r"(?:(?:that|which|is|can be|will|used|able|designed|allows?|lets?|enables?|helps?|you|users?|us|the|to|for)"
        r"\s+)+",
        rf"^(?:this|the)\s+{_THING}\s+",
        r"^(?:it\s+)?(?:allows?|lets?|enables?|helps?|permits?)\s+(?:(?:you|users?|us|the user|one|to)\s+)+",
        r"^(?:it (?=\w+s\b)|you can|used to|use to|ability to|in order to|to|(?:responds?|replies) with)\s*\b",
    )
]
_VERBS = [
    "add",
    "analyze",
    "apply",
    "approve",
    "assign",
    "authenticate",
    "book",
    "buy",
    "calculate",
    "cancel",
    "change",
    "check",
    "classify",
    "close",
    "compare",
    "compute",
    "convert",
    "count",
    "create",
    "decode",
    "delete",
    "detect",
    "determine",
    "discover",
    "display",
    "download",
    "edit",
    "encode",
    "estimate",
    "evaluate",
    "explore",
    "export",
    "extract",
    "fetch",
    "filter",
    "find",
    "follow",
    "format",
    "generate",
    "geocode",
    "get",
    "give",
    "identify",
    "import",
    "insert",
    "inspect",
    "like",
    "list",
    "load",
    "locate",
    "look",
    "make",
    "modify",
    "obtain",
    "parse",
    "post",
    "predict",
    "provide",
    "pull",
    "query",
    "read",
    "receive",
    "recommend",
    "register",
    "remove",
    "render",
    "report",
    "request",
    "reset",
    "resolve",
    "retrieve",
    "return",
    "rewrite",
    "save",
    "score",
    "search",
    "see",
    "select",
    "send",
    "set",
    "shorten",
    "show",
    "simplify",
    "sort",
    "split",
    "store",
    "submit",
    "subscribe",
    "suggest",
    "summarize",
    "tell",
    "test",
    "track",
    "transcribe",
    "translate",
    "unlike",
    "unsubscribe",
    "update",
    "upload",
    "validate",
    "verify",
    "view",
    "work",
    "write",
]
_PLAINER = {"return": "get", "provide": "get", "give": "get", "obtain": "get", "display": "see", "show": "see"}
_ALTERNATIVES = {
    "get": ("look up", "fetch", "find out"),
    "search": ("look", "hunt"),
    "list": ("see", "go through"),
    "find": ("look for", "track down"),
    "see": ("look at", "view"),
    "convert": ("turn", "change"),
    "calculate": ("work out", "compute"),
    "check": ("verify", "test"),
    "retrieve": ("get", "pull up"),
}
_INFLECTIONS = {
    form: verb
    for verb in _VERBS
    for form in (
        verb,
        verb + "s",
        verb + "es",
        verb[:-1] + "ies",
        verb + "ing",
        verb.rstrip("e") + "ing",
        verb + verb[-1] + "ing",
    )
}
_OPENINGS = ("I want to {}", "I need to {}", "Please {}", "Can you {}", "Help me {}", "I would like to {}")
_NON_FUNCTIONAL = re.compile(
    r"\b(free|keys?|cost|pric\w+|paid|plans?|quota|licen[cs]e\w*|open|self-host\w*|academic|research\w*|cite\w*|citable|thesis|"
    r"teach\w*|universit\w+|privacy|private|logs?|logged|logging|track\w*|delet\w+|gdpr|europe\w*|eu|host\w*|region\w*|"
    r"real-?time|live|seconds?|stream\w*|updated?|archiv\w+|histor\w+|since|snapshots?|bulk|batch\w*|downloads?|limits?|"
    r"latency|ms|milliseconds?|fast\w*|quick\w*|edge|sla|support\w*|audit\w*|sso|enterprise|accessib\w+|readers?|languages?|"
    r"plain|renewable|carbon|green|energy|accounts?|billing|bill|suite|secure\w*|reliab\w+|uptime|integrat\w+|answers?|worldwide|"
    r"global\w*|countries|developers?|easy|simple)\b",
    re.IGNORECASE,
)
_LONGEST_ATTRIBUTES = 80  # words
_MOST_DRAWS = 12  # of an instruction for one user
_OPTIONAL_SHARE = 0.4  # how often an optional parameter is asked for
_MOST_PARAMETERS = 4  # beyond which no optional one is
_OWN_DEFAULT_SHARE = 0.5  # how often a documented default is asked for, rather than another tool's value of that name


class OfflineAuthor:
    """Writes examples, descriptions, interactions and instructions by rules.

    Args:
        tools: all collected tools; parameters without examples of their own take values that tools of the same
            category document for a parameter of the same name.
    """

    def __init__(self, tools: Iterable[dict]):
        self._values: dict[tuple[str, str], list] = {}
        seen: dict[tuple[str, str], dict[str, Any]] = {}
        for tool in tools:
            for parameter in tool["required_parameters"] + tool["optional_parameters"]:
                for value in _documented_values(parameter):
                    seen.setdefault(_value_key(tool, parameter), {})[json.dumps(value)] = value
        self._values = {key: [values[text] for text in sorted(values)] for key, values in seen.items()}

    def understand(self, tool: dict, rng: random.Random) -> dict:
        """An example of use, and two short descriptions: of the function, and of the non-functional attributes."""
        functionality = function_phrase(tool["tool_description"])
        parameters = self.draw_parameters(tool, rng)
        return {
            "example": {"instruction": write_request(functionality, parameters, rng), "parameters": parameters},
            "functionality": functionality,
            "attributes": attribute_sentences(tool["provider_description"]),
        }

    def interact(self, tool: dict, rng: random.Random) -> dict:
        """A past call of this tool: {instruction, parameters}."""
        parameters = self.draw_parameters(tool, rng)
        return {"instruction": write_request(tool["functionality"], parameters, rng), "parameters": parameters}

    def instruct(self, tool: dict, functionality: str, rng: random.Random) -> dict:
        """What the user asks now: {instruction, parameters}.

        `functionality` is the group's, in the same words whichever of its tools is the gold one: the tool's own words
        would give it away.
        """
        parameters = self.draw_parameters(tool, rng)
        verb, _, rest = functionality.partition(" ")
        phrase = f"{rng.choice((verb, *_ALTERNATIVES.get(verb, ())))} {rest}"
        return {"instruction": write_request(phrase, parameters, rng), "parameters": parameters}

    def understand_all(self, jobs: Iterable[UnderstandJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`; rules reject nothing here."""
        for job in jobs:
            yield Written(self.understand(job.tool, job.rng))

    def write_histories(self, jobs: Iterable[HistoryJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`; rules reject nothing here."""
        for job in jobs:
            yield Written(
                [
                    {**self.interact(tool, job.rng), "tool_name": tool["tool_name"], "rating": rating}
                    for tool, rating in job.calls
                ]
            )

    def instruct_all(self, jobs: Iterable[InstructJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`; an instruction is drawn again while there is an objection to it."""
        for job in jobs:
            for _ in range(_MOST_DRAWS):
                said = self.instruct(job.tool, job.functionality, job.rng)
                rejected = job.objection(said["instruction"])
                if not rejected:
                    break
            yield Written(None if rejected else said, rejected, said["instruction"] if rejected else None)

    def draw_parameters(self, tool: dict, rng: random.Random) -> dict[str, Any]:
        """Values for every required parameter, and for some of the optional ones that have documented values."""
        parameters = {p["name"]: self._draw_value(tool, p, rng) for p in tool["required_parameters"]}
        for parameter in tool["optional_parameters"]:
            if (
                rng.random() < _OPTIONAL_SHARE
                and len(parameters) < _MOST_PARAMETERS
                and self._values.get(_value_key(tool, parameter))
            ):
                parameters[parameter["name"]] = self._draw_value(tool, parameter, rng)
        return parameters

    def _draw_value(self, tool: dict, parameter: dict, rng: random.Random) -> Any:
        own = _documented_values(parameter)
        common = self._values.get(_value_key(tool, parameter), [])
        if own and (parameter["examples"] or rng.random() < _OWN_DEFAULT_SHARE):
            return rng.choice(own)
        return rng.choice(common) if common else _invented_value(parameter, rng)


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
    phrase = _AND_VERB.sub(lambda match: "and " + _INFLECTIONS.get(match[1].lower(), match[1]), phrase)
    words = phrase.split()[:_LONGEST_PHRASE]
    verb = _INFLECTIONS.get(words[0].lower().rstrip(",:;.")) if words else None
    if verb and len(words) > 1:
        words[0] = _PLAINER.get(verb, verb)
    else:
        if (
            words
            and words[0].istitle()
            and words[0].lower() in ("the", "a", "an", "all", "latest", "current", "information")
        ):
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
    if all(sentence.startswith(FACT_OPENINGS) for sentence in chosen):
        chosen = sentences
    return " ".join(" ".join(chosen).split()[:_LONGEST_ATTRIBUTES])


def write_request(phrase: str, parameters: dict[str, Any], rng: random.Random) -> str:
    """A user's request for `phrase` that says every parameter's value."""
    opening = rng.choice(_OPENINGS).format(phrase)
    mark = "?" if opening.startswith("Can you") else "."
    if not parameters:
        return opening + mark
    pairs = [(_plain_name(name), _said(value)) for name, value in parameters.items()]
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


def _plain_name(name: str) -> str:
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return re.sub(r"[\W_]+", " ", words).strip().lower() or name


def _said(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)


def _value_key(tool: dict, parameter: dict) -> tuple[str, str]:
    return ToolName.parse(tool["tool_name"]).category, f"{parameter['name']}:{parameter['type']}".lower()


def _documented_values(parameter: dict) -> list:
    default = None if parameter["default"] is None else json.loads(parameter["default"])
    values = [_as_documented(value, parameter["type"]) for value in parameter["examples"] or [default]]
    return [value for value in values if _can_be_said(value)]


def _as_documented(value: Any, documented_type: str | None) -> Any:
    """RapidAPI gives every default as text: "3" of a NUMBER is meant as 3."""
    kind = (documented_type or "").upper()
    if not isinstance(value, str) or kind not in ("NUMBER", "BOOLEAN"):
        return value
    try:
        decoded = json.loads(value.strip().lower())
    except ValueError:
        return None
    is_boolean = isinstance(decoded, bool)
    fits = is_boolean if kind == "BOOLEAN" else isinstance(decoded, (int, float)) and not is_boolean
    return decoded if fits else None


def _can_be_said(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip()) and len(value) <= 60 and not re.search(r"['\"\n<>{}\[\]]|redacted", value)
    return isinstance(value, (int, float, bool))


def _invented_value(parameter: dict, rng: random.Random) -> Any:
    documented_type = (parameter["type"] or "").upper()
    if documented_type == "BOOLEAN":
        return rng.random() < 0.5
    if documented_type == "NUMBER":
        return rng.randint(1, 500)
    if "DATE" in documented_type or "date" in parameter["name"].lower():
        return f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    return f"{_plain_name(parameter['name']).replace(' ', '-')}-{rng.randint(100, 999)}"
