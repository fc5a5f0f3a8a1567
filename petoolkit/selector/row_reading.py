"""What a selector reads of a row: requests, tools, providers and past calls, cut into the texts that are compared."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from petoolbench import PARAMETER_KINDS, SETTINGS, ToolName, provider_of, setting_of, to_json_text
from petoolkit.words import CLAUSE_END

# What is known of whether the user liked a past call: yes; no; and, where only the order tells, how early it stands.
LIKINGS = ("liked", "disliked", "early", "middle")
_EARLY, _MIDDLE, _LATE = 0.2, 0.35, 0.5  # shares of a history whose dislikes come first

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SAID = re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”|-?\d+(?:[.,:-]\d+)*")
_LONGEST_STEM = 6
_MOST_SENTENCES = 8
_LONGEST_SENTENCE = 400  # characters
_COMMON = frozenset(
    re.findall(
        r"\w+",
        """the and for with from that this what which how are was were has have had its can could would you your who
        when where into about there please give get show tell find all any some more most other than then them they
        their will not but one may our out use used using returns return api endpoint data information""",
    )
)


@dataclass(frozen=True, eq=False)  # equal candidates are one object, as long as they are kept
class Candidate:
    """A candidate tool.

    Args:
        tool: the entry of a row's `candidate_tools`.
        document, description, name: texts that say what it does: all of it; its description alone; its name in words.
        provider, category: keys that past calls are compared by; empty where they are not known.
        sentences: that say what its provider is like.
    """

    tool: dict[str, Any]
    document: str
    description: str
    name: str
    provider: tuple[str, ...]
    category: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class PastCall:
    """A past call.

    Args:
        words: stems of its request.
        liking: the number of one of `LIKINGS`.
        number: its number in the history.
    """

    words: frozenset[str]
    tool_name: str
    name: str
    provider: tuple[str, ...]
    category: str
    sentences: tuple[str, ...]
    liking: int
    number: int


@dataclass(frozen=True)
class RowReading:
    """A row as a selector reads it; `order` holds the number of each candidate in the row.

    Candidates stand in an order of their own, so that nothing that is computed depends on the row's.
    """

    instruction: str
    plain_instruction: str  # without quoted texts and numbers
    instruction_sentences: tuple[str, ...]
    words: frozenset[str]
    candidates: tuple[Candidate, ...]
    calls: tuple[PastCall, ...]
    order: tuple[int, ...]

    def texts(self, descriptions: bool = True) -> list[str]:
        """All texts whose vectors are needed; those on providers only if `descriptions` are read."""
        asked = [self.instruction, self.plain_instruction, *self.instruction_sentences]
        named = [text for one in self.candidates for text in (one.document, one.description, one.name)]
        return [
            *asked,
            *named,
            *(call.name for call in self.calls),
            *(self.provider_sentences() if descriptions else ()),
        ]

    def provider_sentences(self) -> list[str]:
        """The sentences on the providers of candidates and of past calls."""
        own = [text for one in self.candidates for text in one.sentences]
        return own + [text for call in self.calls for text in call.sentences]


def read_row(row: dict[str, Any]) -> RowReading:
    """Read a row of the dataset; its gold call, `same_function_tools` and `taste` are not read."""
    tools = row["candidate_tools"]
    keyed = sorted((_canonical(tool), number) for number, tool in enumerate(tools))
    order = tuple(number for _, number in keyed)
    return RowReading(
        row["instruction"],
        plain(row["instruction"]),
        sentences_of(row["instruction"]) or (row["instruction"],),
        stems(row["instruction"]),
        tuple(_read_candidate(text) for text, _ in keyed),
        _read_calls(row),
        order,
    )


def _canonical(tool: dict[str, Any]) -> str:
    return to_json_text({name: tool[name] for name in sorted(tool)})


@lru_cache(maxsize=20_000)
def _read_candidate(text: str) -> Candidate:
    import json

    tool = json.loads(text)
    name = words_of_name(ToolName.parse(tool["tool_name"]).api)
    parameters = [parameter for kind in PARAMETER_KINDS for parameter in tool[kind]]
    named = ", ".join(words_of_name(parameter["name"]) for parameter in parameters)
    return Candidate(
        tool,
        f"{name}: {tool['tool_description']} ({named})",
        tool["tool_description"] or name,
        name,
        provider_key(tool),
        ToolName.parse(tool["tool_name"]).category,
        sentences_of(tool["provider_description"] or ""),
    )


def _read_calls(row: dict[str, Any]) -> tuple[PastCall, ...]:
    setting = SETTINGS.get(setting_of(row))
    length = len(row["history"])
    calls = []
    for number, call in enumerate(row["history"]):
        position = (number + 0.5) / length
        liking = LIKINGS.index("liked")
        if call["rating"] is not None:
            liking = LIKINGS.index("liked" if call["rating"] else "disliked")
        elif setting is not None and setting.dislikes == "first":
            ends = ((_EARLY, "disliked"), (_MIDDLE, "early"), (_LATE, "middle"), (1.0, "liked"))
            liking = LIKINGS.index(next(name for end, name in ends if position < end))
        calls.append(
            PastCall(
                stems(call["instruction"]),
                call["tool_name"],
                words_of_name(ToolName.parse(call["tool_name"]).api),
                provider_key(call),
                ToolName.parse(call["tool_name"]).category,
                sentences_of(call.get("provider_description") or ""),
                liking,
                number,
            )
        )
    return tuple(calls)


def provider_key(tool: dict[str, Any]) -> tuple[str, ...]:
    """What tells providers apart; empty if neither the name nor a description says who it is."""
    return _provider_key(tool["tool_name"], tool.get("provider_description") or "")


@lru_cache(maxsize=50_000)
def _provider_key(tool_name: str, provider_description: str) -> tuple[str, ...]:
    if not ToolName.parse(tool_name).provider and not provider_description:
        return ()
    return provider_of({"tool_name": tool_name, "provider_description": provider_description})


@lru_cache(maxsize=50_000)
def words_of_name(name: str) -> str:
    """A name in words: `fetch front page` of `fetch_frontPage`; the name itself if it has none."""
    return " ".join(_WORD.findall(_CAMEL.sub(" ", name).replace("_", " "))).lower() or name


def plain(text: str) -> str:
    """A text without quoted parts and numbers, which say what a call is about and not which tool does it."""
    return " ".join(_SAID.sub(" ", text).split()) or text


@lru_cache(maxsize=50_000)
def sentences_of(text: str) -> tuple[str, ...]:
    """The first sentences of a text, each as far as it can be read at once."""
    return tuple(part[:_LONGEST_SENTENCE] for part in CLAUSE_END.split(text.strip()) if part)[:_MOST_SENTENCES]


@lru_cache(maxsize=50_000)
def stems(text: str) -> frozenset[str]:
    """The beginnings of a text's words that are not in every text."""
    words = _WORD.findall(_CAMEL.sub(" ", text).replace("_", " ").lower())
    return frozenset(_stem(word) for word in words if len(word) > 2 and word not in _COMMON)


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("s"):
        word = word[:-1]
    return word[:_LONGEST_STEM]
