"""Logged calls that a benchmark can use: their tools are known, their arguments fit."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from petoolbench import to_json_text

from .argument_checks import is_too_deep
from .log_call import LoggedCall
from .logged_tools import LoggedTools, check_that_tools_match
from .rating_scale import RatingScale

_MOST_NAMES = 10_000  # different unknown names that are remembered


@dataclass(slots=True)
class PastCall:
    """A call that a benchmark can use.

    Args:
        time: nanoseconds since 1970; `None` where the log has no time.
        tool: its number in `LoggedTools`.
        request: what the user asked.
        parameters: JSON text of an object.
        rating: as the log has it.
        offered: numbers of the tools that could have been called, `None` where they are not recorded.
    """

    time: int | None
    tool: int
    request: str
    parameters: str
    rating: float | bool | None
    offered: tuple[int, ...] | None


class CallsOfUsers:
    """The usable calls of a log, by user.

    Args:
        tools: of the catalogue.
        counts: gets what was read and left out, for each reason.
    """

    def __init__(self, tools: LoggedTools, counts: Counter[str]):
        self.scale = RatingScale()
        self.unknown: Counter[str] = Counter()  # logged names that are not known, or not clear
        self._tools = tools
        self._counts = counts
        self._by_user: dict[str, list[PastCall]] = {}
        self._offers: dict[tuple[str, ...], tuple[int, ...]] = {}
        self._timed = False

    def read(self, calls: Iterable[LoggedCall]) -> None:
        """Take calls in the log's order.

        Raises:
            InputError: if not one of the called tools is in the catalogue.
        """
        unknown = known = 0
        for call in calls:
            self._counts["read"] += 1
            self.scale.see(call.rating)
            tool = self._tools.find(call.tool)
            if isinstance(tool, str):
                unknown += 1
                self._counts[f"left out: the tool is {tool} in the catalogue"] += 1
                if call.tool in self.unknown or len(self.unknown) < _MOST_NAMES:
                    self.unknown[call.tool] += 1
                continue
            known += 1
            if usable := self._usable(call, tool):
                self._timed = self._timed or usable.time is not None
                self._by_user.setdefault(call.user, []).append(usable)
        check_that_tools_match(self.unknown, self._tools, unknown, known)

    def _usable(self, call: LoggedCall, tool: int) -> PastCall | None:
        if not isinstance(call.arguments, dict):
            self._counts["left out: arguments are not an object"] += 1
            return None
        parameters = to_json_text(call.arguments)
        problem = "arguments are nested too deeply" if is_too_deep(parameters) else None
        if problem := problem or self._tools.problem(tool, call.arguments):
            self._counts[f"left out: {problem}"] += 1
            return None
        offered = None if call.offered is None else self._numbers(call.offered)
        return PastCall(call.time, tool, call.request, parameters, call.rating, offered)

    def _numbers(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Numbers of offered tools, held once for all calls with the same offer."""
        if names not in self._offers:
            found = [self._tools.find(name) for name in names]
            numbers = dict.fromkeys(one for one in found if isinstance(one, int) and self._tools.can_be_asked(one))
            self._offers[names] = tuple(numbers)
            if lacking := len(found) - len(numbers):
                self._counts["offered tools that no candidate can be made of (different offers)"] += lacking
        return self._offers[names]

    @property
    def has_times(self) -> bool:
        """Whether calls have times."""
        return self._timed

    def by_user(self) -> dict[str, list[PastCall]]:
        """Each user's calls in time order, or in the log's order where it has no times.

        Calls without a time, in a log with times, and repeated events are left out, and counted.
        """
        for user, calls in self._by_user.items():
            self._by_user[user] = ordered = self._in_order(calls)
            for call in ordered:
                if call.rating is not None and self.scale.read(call.rating) is None:
                    self._counts["taken as not rated: neither for nor against, by the ratings' scale"] += 1
        return self._by_user

    def _in_order(self, calls: list[PastCall]) -> list[PastCall]:
        if not self._timed:
            return calls
        kept: dict[tuple[int, int, str], PastCall] = {}
        for call in calls:
            if call.time is None:
                self._counts["left out: no time"] += 1
            elif (call.time, call.tool, call.parameters) in kept:
                self._counts["left out: repeated event"] += 1
            else:
                kept[call.time, call.tool, call.parameters] = call
        return sorted(kept.values(), key=lambda call: call.time or 0)
