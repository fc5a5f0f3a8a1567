"""The methods of `--history`: what a model is shown of a user's past calls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from petoolbench import InputError

FULL, NONE, LAST, RETRIEVED = "full", "none", "last", "retrieved"
PROFILE, NOTES, PYTHON = "profile", "notes", "python"


@dataclass(frozen=True)
class MethodKind:
    """A way to show a history.

    Args:
        name: the part of a spec before the colon.
        spec: the form of a spec, for `--help`.
        shows: what a model is shown, for `--help`.
        takes: what stands after the colon: nothing, a `number` of calls, or a `function`.
        numbers: takes how many past calls a row has, and the number of the spec; gives the numbers of those that are
            shown, from 0, in the order of time. `None` where more than that decides what is shown.
        is_written: whether the model that is asked writes a text, which it is shown instead of calls.
        is_kept: whether what is shown is made once, before the requests, and kept in the evaluation's folder.
        heading: stands above a text that is shown instead of calls.
        shown_as: what that text is called.
    """

    name: str
    spec: str
    shows: str
    takes: str = ""
    numbers: Callable[[int, int], range] | None = None
    is_written: bool = False
    is_kept: bool = False
    heading: str = ""
    shown_as: str = ""


METHOD_KINDS: dict[str, MethodKind] = {
    kind.name: kind
    for kind in (
        MethodKind(FULL, "full", "all past calls", numbers=lambda length, _: range(length)),
        MethodKind(NONE, "none", "no past call, to measure what the history is worth", numbers=lambda *_: range(0)),
        MethodKind(
            LAST,
            "last:K",
            "the K latest past calls",
            takes="number",
            numbers=lambda length, number: range(max(0, length - number), length),
        ),
        MethodKind(
            RETRIEVED,
            "retrieved:K",
            "the K past calls whose requests are nearest to this one, by sentence embedding, in the order of time",
            takes="number",
        ),
        MethodKind(
            PROFILE,
            "profile",
            "a short description of the user that the model itself writes from the past calls, once a history",
            is_written=True,
            is_kept=True,
            heading="A description of this user, written from the calls made before:",
            shown_as="description",
        ),
        MethodKind(
            NOTES,
            "notes",
            "notes on the user that the model itself keeps, one past call after the other",
            is_written=True,
            is_kept=True,
            heading="Notes on this user, kept while the calls before were made, one after the other:",
            shown_as="notes",
        ),
        MethodKind(
            PYTHON,
            "python:FILE_OR_MODULE:FUNCTION",
            "what a memory of yours recalls; FUNCTION makes it for one user and setting",
            takes="function",
            is_kept=True,
            heading="What a memory of the calls made for this user before recalls for this request:",
            shown_as="memory",
        ),
    )
}


@dataclass(frozen=True)
class HistoryMethod:
    """A method of `--history`.

    Args:
        kind: of the method.
        number: the most calls that are shown, of methods that take a number.
        function: `FILE_OR_MODULE:FUNCTION`, of methods that take a function.
    """

    kind: MethodKind
    number: int = 0
    function: str = ""

    @property
    def name(self) -> str:
        """The name of its kind."""
        return self.kind.name


def parse_history_method(spec: str) -> HistoryMethod:
    """The method of a spec, such as `full` or `last:5`.

    Raises:
        InputError: for a spec that is not one of `METHOD_KINDS`.
    """
    name, colon, argument = spec.partition(":")
    kind = METHOD_KINDS.get(name)
    if kind is None or bool(colon) != bool(kind.takes):
        known = ", ".join(one.spec for one in METHOD_KINDS.values())
        raise InputError(f"unknown history method {spec!r}; choose one of: {known}.")
    if kind.takes == "number":
        if not argument.isdecimal() or int(argument) < 1:
            raise InputError(f"{spec!r} does not say how many past calls; give a number of 1 or more, as {name}:5.")
        return HistoryMethod(kind, int(argument))
    return HistoryMethod(kind, function=argument)


def history_spec(value: Any) -> Any:
    """A spec; earlier versions wrote true for `full` and false for `none`."""
    return {True: FULL, False: NONE}[value] if isinstance(value, bool) else value
