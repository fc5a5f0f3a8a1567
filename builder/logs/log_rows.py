"""A user's logged calls -> rows: the last calls are what is asked, the calls before each are its history."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from petoolbench import KINDS, SETTINGS, ToolName, breaches

from ..stages.export import document_maker
from .log_candidates import LogCandidates
from .logged_tools import LoggedTools
from .past_calls import PastCall
from .rating_scale import RatingScale


@dataclass(frozen=True)
class Asked:
    """A call that is asked.

    Args:
        number: 1 for a user's last call, 2 for the one before, and so on.
        position: among the user's calls; those before it are its history.
        call: the call.
    """

    number: int
    position: int
    call: PastCall


def asked_calls(
    calls: list[PastCall], holdout: int, tools: LoggedTools, scale: RatingScale, counts: Counter[str]
) -> list[Asked]:
    """Those of a user's last calls that can be asked, the last one first; counts the others by reason.

    Args:
        calls: in their order.
        holdout: number of last calls.
        tools: of the catalogue.
        scale: of the log's ratings.
        counts: gets the reasons.
    """
    if len(calls) < 2:
        counts["users left out: fewer than two usable calls"] += 1
        return []
    asked = []
    for number, position in enumerate(range(len(calls) - 1, max(len(calls) - 1 - holdout, 0), -1), start=1):
        call = calls[position]
        if reason := _why_not(call, tools, scale):
            counts[f"not asked: {reason}"] += 1
        else:
            asked.append(Asked(number, position, call))
    return asked


def _why_not(call: PastCall, tools: LoggedTools, scale: RatingScale) -> str | None:
    if scale.read(call.rating) == 0:
        return "the call was disliked"
    if not tools.can_be_asked(call.tool):
        return "cleaning the catalogue left the called tool out"
    if call.offered is not None and call.tool not in call.offered:
        return "the called tool is not among the offered ones"
    if call.offered is not None and len(call.offered) < 2:
        return "no other tool was offered"
    return None


class LogRows:
    """Makes rows of asked calls.

    Args:
        tools: of the catalogue.
        candidates: chooses what stands beside the called tool.
        scale: of the log's ratings.
        has_times: whether calls are in time order, which `chronological` is made of.
        most_history: longest history; of longer ones, the newest calls are kept.
        counts: gets what is left out, and what is cut.
    """

    def __init__(
        self,
        tools: LoggedTools,
        candidates: LogCandidates,
        scale: RatingScale,
        has_times: bool,
        most_history: int,
        counts: Counter[str],
    ):
        self._tools = tools
        self._candidates = candidates
        self._scale = scale
        self._has_times = has_times
        self._most_history = most_history
        self._counts = counts
        document = document_maker("full")
        self._documents = [document(tool) for tool in tools.candidates.values()]

    def rows(self, user: str, calls: list[PastCall], asked: Asked) -> Iterator[dict]:
        """A row for each setting that the calls before the asked one make a history for (columns of `COLUMNS`).

        Args:
            user: of the rows.
            calls: of the user, in their order.
            asked: what is asked.

        Raises:
            ValueError: if a row breaks the contract; that is a fault of the import, not of its input.
        """
        gold = asked.call
        choice = self._candidates.choose(user, gold.tool, gold.offered)
        if len(choice.candidates) < 2:
            self._counts["not asked: the catalogue has no other tool to choose"] += 1
            return
        self._counts["asked: no candidate beside the called tool does its job"] += len(choice.same_function) < 2
        name = self._tools.names[gold.tool]
        for setting, history in self._histories(calls[: asked.position]).items():
            row = {
                "id": f"{user}/{setting}",
                "user_id": user,
                "group_id": self._candidates.group_id(gold.tool),
                "category": ToolName.parse(name).category,
                "block_id": "",
                "kind": KINDS[0],
                "instruction": gold.request,
                "history": history,
                "history_length": len(history),
                "candidate_tools": [self._documents[tool] for tool in choice.candidates],
                "tool_call": {"tool_name": name, "parameters": gold.parameters},
                "acceptable_tools": [name],
                "same_function_tools": [self._tools.names[tool] for tool in choice.same_function],
                "taste": "",
            }
            if broken := breaches(row):
                raise ValueError(f"row {row['id']}: {'; '.join(broken)}")
            yield row

    def _histories(self, before: list[PastCall]) -> dict[str, list[dict]]:
        """The past calls of each setting that has some.

        What was not disliked counts as liked in `preferred_only`; `rating_integrated` holds rated calls alone;
        `chronological` holds all calls in the log's order.
        """
        rated = [(call, self._scale.read(call.rating)) for call in before]
        histories: dict[str, list[dict]] = {}
        for name, setting in SETTINGS.items():
            chosen: list[tuple[PastCall, int | None]]
            if setting.is_rated:
                chosen = [(call, rating) for call, rating in rated if rating is not None]
            elif setting.dislikes == "none":
                chosen = [(call, None) for call, rating in rated if rating != 0]
            else:
                chosen = [(call, None) for call in before] if self._has_times else []
            if not chosen:
                self._counts[f"no row in {name}: no such call before"] += 1
                continue
            self._counts[f"histories cut to the newest {self._most_history} calls"] += len(chosen) > self._most_history
            histories[name] = [self._past(call, rating) for call, rating in chosen[-self._most_history :]]
        return histories

    def _past(self, call: PastCall, rating: int | None) -> dict:
        return {
            "instruction": call.request,
            "tool_name": self._tools.names[call.tool],
            "provider_description": self._tools.provider_descriptions[call.tool],
            "parameters": call.parameters,
            "rating": rating,
        }
