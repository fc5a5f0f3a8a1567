"""Names of tools and providers in running text."""

import re
from collections.abc import Collection, Iterable

from petoolbench import ToolName

_WORD = re.compile(r"[^\W_]+")


def named(text: str, tool_names: Iterable[str], shared_words: Collection[str] = frozenset()) -> tuple[str, str] | None:
    """What a text names of these tools, and the name: `("a provider", "Pluvara")`, `("a tool", ...)`, or `None`.

    A name that all of the tools have tells nobody which of them is meant, so it does not count; neither does a tool's
    name that is made of `shared_words` alone.
    """
    spoken, names = _spoken(text), [ToolName.parse(name) for name in tool_names]
    apis = [name.api for name in names if not set(_spoken(name.api).split()) <= set(shared_words)]
    for what, parts in (("a provider", [n.provider for n in names]), ("a tool", apis)):
        distinct = {_spoken(part): part for part in parts}
        said = [part for as_spoken, part in distinct.items() if as_spoken in spoken]
        if said and (len(distinct) > 1 or len(names) == 1):
            return what, said[0]
    return None


def shared_words(texts: Iterable[str]) -> frozenset[str]:
    """The lower-case words that stand in each of some texts; none if there are no texts."""
    words = [set(_spoken(text).split()) for text in texts]
    return frozenset(set.intersection(*words)) if words else frozenset()


def _spoken(text: str) -> str:
    """Lower-case words between single spaces, so that a name is found as whole words, however it is written."""
    return f" {' '.join(_WORD.findall(text.lower()))} "
