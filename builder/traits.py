"""Traits: what providers are like beside what their tools do, from one fixed list with its wordings."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import yaml

from petoolkit.words import CLAUSE_END

_FEWEST_WORDS = 2  # in common with a wording, by which a sentence speaks of its trait
_LEAST_LETTERS = 4  # of a content word
_STEM = 5  # letters by which words are compared: "refreshed" and "refreshes" are one
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Trait:
    """A trait of a provider.

    Args:
        name: the key, such as `eu_hosted`.
        label: words for people: `keeps data in the European Union`.
        needs: sentences in which a user asks for it.
        wordings: sentences that say it of a provider; no two have a content word in common.
    """

    name: str
    label: str
    needs: tuple[str, ...]
    wordings: tuple[str, ...]


_FILE = yaml.safe_load(Path(__file__).with_name("traits.yaml").read_text(encoding="utf-8"))
_FUNCTION_WORDS = frozenset(_FILE["function_words"].split())
TRAITS: dict[str, Trait] = {
    name: Trait(name, entry["label"], tuple(entry["needs"]), tuple(entry["wordings"]))
    for name, entry in _FILE["traits"].items()
}


def content_words(text: str) -> frozenset[str]:
    """The stems of a text's content words."""
    words = _WORD.findall(text.lower().replace("'s", "").replace("won't", "").replace("cannot", ""))
    return frozenset(w[:_STEM] for w in words if len(w) >= _LEAST_LETTERS and w not in _FUNCTION_WORDS)


_WORDS = {name: [content_words(wording) for wording in trait.wordings] for name, trait in TRAITS.items()}
_ALL_WORDS = {
    name: frozenset().union(*_WORDS[name], content_words(" ".join([trait.label, *trait.needs])))
    for name, trait in TRAITS.items()
}


def uses_words_of(text: str, trait: str) -> bool:
    """Whether a text has a content word of a trait's wordings, label or needs."""
    return not content_words(text).isdisjoint(_ALL_WORDS[trait])


def other_traits(text: str, allowed: Collection[str] = ()) -> dict[str, str]:
    """The traits beside those allowed of which a sentence of a text speaks, each with the sentence.

    A sentence speaks of a trait if it has two content words of one of the trait's wordings.
    """
    found: dict[str, str] = {}
    for sentence in CLAUSE_END.split(" ".join(text.split())):
        words = content_words(sentence)
        for name, wordings in _WORDS.items():
            if name not in allowed and any(len(words & wording) >= _FEWEST_WORDS for wording in wordings):
                found.setdefault(name, sentence)
    return found


def is_quoted(quote: str, document: str) -> bool:
    """Whether a document holds the words of a quote, however it breaks lines."""
    return bool(quote.split()) and " ".join(quote.split()) in " ".join(document.split())
