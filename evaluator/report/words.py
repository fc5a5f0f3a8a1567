"""Numbers and names as a report writes them."""

from evaluator.data import ALL
from evaluator.report.score_files import Score

UNKNOWN = "\N{EN DASH}"


def percent(share: float | None) -> str:
    """A share as a percentage without its sign: `51.2`."""
    return UNKNOWN if share is None else f"{100 * share:.1f}"


def in_percent(share: float | None) -> str:
    """A share in a sentence: `51.2 %`, on one line."""
    return f"{percent(share)}\N{NO-BREAK SPACE}%"


def interval(score: Score) -> str:
    """A score's 95 % interval as percentages, from low to high."""
    return "" if score.low is None else f"{percent(score.low)}\N{EN DASH}{percent(score.high)}"


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign: `+12.3`."""
    return f"{100 * difference:+.1f}".replace("-", "\N{MINUS SIGN}")


def amount(number: int | None) -> str:
    """A number, or a dash where it is not known."""
    return UNKNOWN if number is None else f"{number:,}"


def place_name(place: str) -> str:
    """A setting as the paper writes it, or all of them."""
    return "all settings" if place == ALL else place.replace("_", "-")


def listing(names: list[str], most: int = 5) -> str:
    """Names in a sentence: `a, b and c`; of many, the first ones."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def counted(number: int, noun: str) -> str:
    """A number and what it counts: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shortened(name: str, longest: int) -> str:
    """A name that fits a picture: its middle makes room, for its end tells most models apart."""
    if len(name) <= longest:
        return name
    start = longest // 3
    return f"{name[:start]}…{name[start + 1 - longest :]}"
