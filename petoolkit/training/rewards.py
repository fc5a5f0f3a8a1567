"""Rewards of sampled replies that can be checked: by the reader and the rules that the scores are made of.

Each reward is a number from 0 to 1 about one reply, beside its row's gold call. None depends on a reply's length.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from petoolkit.call_forms import AS_ASKED, ToolCall
from petoolkit.call_parameters import ParameterDocument, given_parameters
from petoolkit.evaluator.scores.judgements import gold_documents
from petoolkit.replies import read_reply
from petoolkit.schema_fit import equal_json
from petoolkit.scoring import error_reference, is_right_tool, read_gold_call, tool_error


class RewardedReply(NamedTuple):
    """A reply as the robust reader read it, beside its row's gold call.

    Args:
        call: the call in the reply; `None` if it holds none.
        is_as_asked: whether the call stands in the form that the prompt asks for.
        gold: the gold call.
        right_tools: names of the tools that count as right.
        candidate_tools, same_function_tools: names of the row's.
        documents: of the gold tool's parameters, by name.
    """

    call: ToolCall | None
    is_as_asked: bool
    gold: ToolCall
    right_tools: frozenset[str]
    candidate_tools: frozenset[str]
    same_function_tools: frozenset[str]
    documents: dict[str, ParameterDocument] | None


def right_tool(reply: RewardedReply) -> float:
    """1 if the called tool is right, as Tool Acc counts it: the gold tool, or another acceptable one."""
    return float(is_right_tool(reply.call, reply.gold, reply.right_tools))


def right_function(reply: RewardedReply) -> float:
    """1 if the called tool is right, or one that does the same job and that this user does not prefer."""
    error = tool_error(reply.call, reply.gold, reply.candidate_tools, reply.same_function_tools, reply.right_tools)
    return float(error in (None, "TPM"))


def parameter_names(reply: RewardedReply) -> float:
    """Share of parameter names that call and gold call have in common, of all names in either; 1 if there are none.

    As in Param Acc, an optional parameter counts as left out where it says nothing, and the tool does not matter.
    """
    given, gold = _parameters(reply)
    return _share(given.keys() & gold.keys(), given.keys() | gold.keys(), reply)


def parameter_values(reply: RewardedReply) -> float:
    """Share of parameters with equal values, of all names in either call; 1 exactly where Param Acc counts 1."""
    given, gold = _parameters(reply)
    equal = [name for name in given.keys() & gold.keys() if equal_json(given[name], gold[name])]
    return _share(equal, given.keys() | gold.keys(), reply)


def readable_form(reply: RewardedReply) -> float:
    """1 if a call stands in the form that the prompt asks for, half of it if one can be read in another form."""
    if reply.call is None:
        return 0.0
    return 1.0 if reply.is_as_asked else 0.5


def _parameters(reply: RewardedReply) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of the call and of the gold call, as Param Acc compares them."""
    given = reply.call.parameters if reply.call else {}
    return given_parameters(given, reply.documents), given_parameters(reply.gold.parameters, reply.documents)


def _share(part: Iterable[str], whole: Iterable[str], reply: RewardedReply) -> float:
    if reply.call is None:
        return 0.0
    part, whole = list(part), list(whole)
    return len(part) / len(whole) if whole else 1.0


@dataclass(frozen=True)
class Reward:
    """A reward by its name in logs, recipes and cards.

    Args:
        name: as in the log's `rewards/NAME/mean`.
        description: for a card: what is rewarded.
        of: the reward of one reply, 0 to 1.
    """

    name: str
    description: str
    of: Callable[[RewardedReply], float]


# In the order of the option `reward_weights`.
REWARDS: dict[str, Reward] = {
    reward.name: reward
    for reward in (
        Reward("right_tool", "the called tool is right (Tool Acc)", right_tool),
        Reward("right_function", "the called tool does the job, preferred or not", right_function),
        Reward("parameter_names", "share of right parameter names", parameter_names),
        Reward("parameter_values", "share of right parameter values (1: Param Acc)", parameter_values),
        Reward("readable_form", "a call in the form asked for; half of it in another form", readable_form),
    )
}


def logged_reward(name: str) -> str:
    """The name of a reward's mean in TRL's log."""
    return f"rewards/{name}/mean"


class ReplyRewarder:
    """Rewards of replies to rows, as TRL's trainer asks for them.

    Args:
        rows: rows of the benchmark; replies are about them.
    """

    def __init__(self, rows: Iterable[dict]):
        self._rows = {row["id"]: row for row in rows}
        self.read = lru_cache(maxsize=4096)(self._read)  # each reply is read once, and rewarded five times

    def functions(self) -> list[Callable[..., list[float]]]:
        """A function for each of `REWARDS`, by whose name TRL logs its mean."""
        return [self._function(reward) for reward in REWARDS.values()]

    def _function(self, reward: Reward) -> Callable[..., list[float]]:
        def rewards(
            completions: Sequence[Sequence[Mapping[str, str]]], row_id: Sequence[str], **_: Any
        ) -> list[float]:
            replies = [completion[-1]["content"] for completion in completions]
            return [reward.of(self.read(one, reply)) for one, reply in zip(row_id, replies, strict=True)]

        rewards.__name__ = reward.name
        return rewards

    def _read(self, row_id: str, reply: str) -> RewardedReply:
        row = self._rows[row_id]
        reference = error_reference(row)
        candidates = frozenset(reference["candidate_tools"])
        reading = read_reply(reply, tools=candidates)
        return RewardedReply(
            reading.call,
            reading.how == AS_ASKED,
            read_gold_call(row["tool_call"]),
            frozenset(reference["acceptable_tools"]),
            candidates,
            frozenset(reference["same_function_tools"]),
            gold_documents(row),
        )


def describe_rewards(weights: Sequence[float] | None) -> str:
    """What is rewarded and by how much, in a sentence.

    Args:
        weights: one for each of `REWARDS`; `None` for 1 each.
    """
    weights = weights or [1.0] * len(REWARDS)
    parts = [
        f"{weight:g} for {reward.name} ({reward.description})"
        for reward, weight in zip(REWARDS.values(), weights, strict=True)
    ]
    return f"A reply is rewarded with {'; '.join(parts)}."
