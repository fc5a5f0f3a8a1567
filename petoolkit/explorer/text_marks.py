"""Text with the parts marked that explain why the gold tool is the right one."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from petoolkit.explorer.tastes import Taste
from petoolkit.explorer.trait_sentences import TraitSentences, sentences_of

LIKED, GOLD, RIVAL, SHARED = "liked", "of-gold", "of-rival", "shared"
_WORD = re.compile(r"[^\W_]{5,}")
_LONGEST = 4_000  # characters of a text that is marked


@dataclass(frozen=True)
class Part:
    """A part of a text; `kind` is one of `LIKED` ... `SHARED` and `name` what it shows, both empty if not marked."""

    text: str
    kind: str = ""
    name: str = ""


class RowMarks:
    """What is marked in the texts of one row.

    Args:
        row: of the dataset.
        liked: for each past call, whether the user liked its tool.
        taste: the traits that the row names; `None` where it does not name any.
        sentences: know which sentence speaks of which trait.
    """

    def __init__(self, row: dict, liked: list[bool], taste: Taste | None, sentences: TraitSentences):
        gold = row["tool_call"]["tool_name"]
        self._sentences, self._taste = sentences, taste
        self._kinds: dict[str, str] = {}
        self.shared: frozenset[str] = frozenset()
        same_job = [tool for tool in row["candidate_tools"] if tool["tool_name"] in row["same_function_tools"]]
        if taste:
            for tool in same_job:
                kind = GOLD if tool["tool_name"] == gold else RIVAL
                self._kinds |= dict.fromkeys(taste.of_tools[tool["tool_name"]], kind)
            if taste.trait:
                self._kinds[taste.trait] = LIKED
        else:
            self.shared = _shared_words(row, liked, same_job, gold)

    @property
    def kinds(self) -> Mapping[str, str]:
        """The kind of each trait that decides between the tools that do the job."""
        return self._kinds

    def of_tool(self, tool: dict) -> list[Part]:
        """The description of a candidate's provider."""
        traits = self._taste.of_tools[tool["tool_name"]] if self._taste else ()
        return self._parts(tool["provider_description"] or "", traits)

    def of_call(self, position: int, call: dict) -> list[Part]:
        """The description of a called tool's provider; the position is among the past calls, from 0."""
        return self._parts(call["provider_description"] or "", self._taste.of_calls[position] if self._taste else ())

    def _parts(self, text: str, traits: Collection[str]) -> list[Part]:
        if len(text) > _LONGEST:
            return [Part(text)]
        if self._taste is None:
            return _with_words(text, self.shared) if self.shared else [Part(text)]
        found = self._sentences.find(text, traits) if traits else {}
        parts: list[Part] = []
        for number, sentence in enumerate(sentences_of(text)):
            trait = found.get(sentence, "")
            kind = self._kinds.get(trait, "")
            if number:
                parts.append(Part(" "))
            parts.append(Part(sentence, kind, trait if kind else ""))
        return parts


def _shared_words(row: dict, liked: list[bool], same_job: list[dict], gold: str) -> frozenset[str]:
    """The words that the gold tool's provider shares with those of liked calls, and with no rival's."""
    of_liked = frozenset().union(
        *(
            _words(call["provider_description"])
            for call, is_liked in zip(row["history"], liked, strict=True)
            if is_liked
        )
    )
    of_gold = frozenset().union(*(_words(t["provider_description"]) for t in same_job if t["tool_name"] == gold))
    of_rivals = frozenset().union(*(_words(t["provider_description"]) for t in same_job if t["tool_name"] != gold))
    return (of_gold & of_liked) - of_rivals


def _words(text: str | None) -> frozenset[str]:
    return frozenset(_WORD.findall((text or "").lower()))


def _with_words(text: str, words: Collection[str]) -> list[Part]:
    parts, end = [], 0
    for word in _WORD.finditer(text):
        if word.group().lower() in words:
            parts += [Part(text[end : word.start()]), Part(word.group(), SHARED)]
            end = word.end()
    return [*parts, Part(text[end:])]
