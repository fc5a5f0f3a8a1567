"""Numbers, names and lists as people read them, in terminals, reports and cards; one way to write each."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from petoolbench import SETTINGS

UNKNOWN = "\N{EN DASH}"
ALL = "all"  # every setting of a dataset together, where scores and options go by setting


class Interval(Protocol):
    """A share with its 95 % interval; `None` where it is not known."""

    @property
    def value(self) -> float | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


def percent(share: float | None) -> str:
    """A share as a percentage without its sign: `51.2`."""
    return UNKNOWN if share is None else f"{100 * share:.1f}"


def in_percent(share: float | None) -> str:
    """A share in a sentence: `51.2 %`, on one line."""
    return f"{percent(share)}\N{NO-BREAK SPACE}%"


def interval(score: Interval) -> str:
    """A score's 95 % interval as percentages, `47.1-55.3` with an en dash; empty where there is none."""
    return "" if score.low is None or score.high is None else f"{percent(score.low)}\N{EN DASH}{percent(score.high)}"


def with_interval(score: Interval) -> str:
    """A score as a percentage, with its interval where there is one: `51.2 (47.1-55.3)`."""
    return f"{percent(score.value)} ({interval(score)})" if interval(score) else percent(score.value)


def points(difference: float, digits: int = 1) -> str:
    """A difference of shares in percentage points, with its sign: `+12.3`."""
    return f"{100 * difference:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def amount(number: int | None) -> str:
    """A number, or a dash where it is not known."""
    return UNKNOWN if number is None else f"{number:,}"


def setting_label(setting: str) -> str:
    """A setting as the paper writes it; `all settings` for all of them."""
    return "all settings" if setting == ALL else SETTINGS[setting].label if setting in SETTINGS else setting


def listing(names: Sequence[str], most: int = 5) -> str:
    """Names in a sentence: `a, b and c`; of more than `most`, the first ones and `3 more`."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1:,} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def counted(number: int, noun: str) -> str:
    """A number and what it counts: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shortened(name: str, longest: int) -> str:
    """A name that fits its room: its middle is left out, for its end tells most models apart."""
    if len(name) <= longest:
        return name
    start = longest // 3
    return f"{name[:start]}…{name[start + 1 - longest :]}"


def printable(text: str) -> str:
    """Text without characters that would steer a terminal, such as escape and direction codes; each becomes a mark."""
    return "".join(c if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs") else "\ufffd" for c in text)


def on_one_line(text: str) -> str:
    """Printable text whose white space, line breaks too, is single blanks."""
    return " ".join(printable(text).split())


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table in Markdown. Bars are escaped; nothing else is, so other people's text must be escaped before."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
