"""Keys of catalogue entries that nothing reads: a misspelt one would lose what it holds without a word."""

from collections import Counter
from collections.abc import Collection, Mapping
from difflib import get_close_matches


def check_keys(entry: Mapping, known: Collection[str], what: str) -> None:
    """Refuse an entry with keys that are not known.

    Args:
        entry: an object of a catalogue.
        known: the keys that are read, or known to be of no use.
        what: word for a key in the message, such as `column`.

    Raises:
        ValueError: with a clause that names the first unknown key, and the known one that is most like it.
    """
    for key in entry:
        if key not in known:
            alike = get_close_matches(str(key), known, n=1, cutoff=0.7)
            meant = f"did you mean `{alike[0]}`?" if alike else f"known are {', '.join(known)}"
            raise ValueError(f"unknown {what} `{key}`; {meant}")


def note_unread_keys(
    entry: Mapping, known: Collection[str], needed: Collection[str], what: str, counts: Counter[str]
) -> None:
    """Count the unknown keys of an entry of a form that anybody may add keys to; refuse those that look misspelt.

    Args:
        entry: an object of a catalogue.
        known: the keys that are read, or known to be of no use.
        needed: those of them that an entry should not be without.
        what: what the entry is, with its article, for the counts and the message.
        counts: gets the number of unknown keys, by name.

    Raises:
        ValueError: with a clause, for a key that is almost one of `needed` which the entry lacks.
    """
    for key in map(str, entry.keys() - set(known)):
        if meant := get_close_matches(key, [one for one in needed if one not in entry], n=1, cutoff=0.8):
            raise ValueError(f"unknown key `{key}` of {what}; did you mean `{meant[0]}`?")
        counts[f"keys of {what} that are not read: {key}" if len(counts) < _MOST_COUNTS else _OTHERS] += 1


_MOST_COUNTS = 100
_OTHERS = "keys that are not read: others"
