"""The methods of `--history`: what a model is shown of a user's past calls."""

from dataclasses import dataclass
from typing import Any

from petoolbench import InputError

FULL, NONE, LAST, RETRIEVED = "full", "none", "last", "retrieved"


@dataclass(frozen=True)
class MethodKind:
    """A way to show a history.

    Args:
        name: the part of a spec before the colon.
        spec: the form of a spec, for `--help`.
        shows: what a model is shown, for `--help`.
        takes: what stands after the colon: nothing, a `number` of calls, or a `function`.
        is_written: whether the model that is asked writes a text, which it is shown in the stead of calls.
    """

    name: str
    spec: str
    shows: str
    takes: str = ""
    is_written: bool = False


METHOD_KINDS: dict[str, MethodKind] = {
    kind.name: kind
    for kind in (
        MethodKind(FULL, "full", "all past calls"),
        MethodKind(NONE, "none", "no past call, to measure what the history is worth"),
        MethodKind(LAST, "last:K", "the K latest past calls", takes="number"),
        MethodKind(
            RETRIEVED,
            "retrieved:K",
            "the K past calls whose requests are nearest to this one, by sentence embedding, in the order of time",
            takes="number",
        ),
    )
}


@dataclass(frozen=True)
class HistoryMethod:
    """A method of `--history`.

    Args:
        kind: of the method.
        number: the most calls that are shown, of methods that take a number.
    """

    kind: MethodKind
    number: int = 0

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
    return HistoryMethod(kind)


def history_spec(value: Any) -> Any:
    """A spec; earlier versions wrote true for `full` and false for `none`."""
    return {True: FULL, False: NONE}[value] if isinstance(value, bool) else value
