"""Keys of catalogue entries that nothing reads: a misspelt one would lose what it holds without a word."""

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
