"""Traits: what providers are like beside what their tools do, from one fixed list with its wordings."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

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


def is_quoted(quote: str, document: str) -> bool:
    """Whether a document holds the words of a quote, however it breaks lines."""
    return bool(quote.split()) and " ".join(quote.split()) in " ".join(document.split())
