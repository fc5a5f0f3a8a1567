"""Controlled design, the stage `export`: blocks -> rows, checked block by block."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from petoolbench import SETTINGS, Setting, breaches, to_json_text
from petoolkit.block_rules import broken_rules

from ..record_rng import record_rng
from ..row_statistics import RowStatistics
from ..stage_notes import Notes
from .export import document_maker

if TYPE_CHECKING:
    from ..recipe import ExportSettings

Call = dict  # a past call with its `tool` and `traits`, beside the columns of a row's history


def block_export(
    blocks: Iterable[dict],
    histories: Iterable[dict],
    instructions: Iterable[dict],
    tools: Mapping[str, dict],
    settings: "ExportSettings",
    users: int,
    seed: int,
    notes: Notes,
    users_before: int = 0,
) -> Iterator[dict]:
    """Join the stages into rows, one a user and setting, until there are enough users; blocks stay whole.

    Input columns: those of `blocks`, `history` and `instruct`; `tools` by name.
    Args:
        users_before: users of blocks before these.

    Output columns: those of `petoolbench.COLUMNS`, and `split` (train or test).

    Raises:
        ValueError: if a row or a block breaks the contract; that is a fault of the build, not of its input.
    """
    history_of = {row["block_id"]: row for row in histories}
    instruction_of = {row["block_id"]: row for row in instructions if not row["rejected"]}
    notes.statistics = RowStatistics()
    document = document_maker(settings.documents)
    user_number = users_before
    for block in blocks:
        if user_number >= users:
            break
        if block["block_id"] not in instruction_of:
            continue
        made = _BlockRows(
            block, history_of[block["block_id"]], instruction_of[block["block_id"]], tools, document, seed
        )
        rows = list(made.rows([f"u{user_number + index:06d}" for index in range(len(block["tools"]))]))
        user_number += len(block["tools"])
        for row in rows:
            if broken := breaches(row, of_a_build=True):
                raise ValueError(f"row {row['id']}: {'; '.join(broken)}")
        if broken := broken_rules(rows, is_crossed=block["is_crossed"]):
            raise ValueError(f"block {block['block_id']}: {'; '.join(broken)}")
        for row in rows:
            notes.counts[f"{block['split']} rows"] += 1
            notes.counts[f"{row['kind']} rows"] += 1
            notes.statistics.add(row)
            yield {"split": block["split"], **row}
        notes.counts["blocks"] += 1


class _BlockRows:
    """Makes the rows of one block."""

    def __init__(self, block: dict, history: dict, instruction: dict, tools: Mapping[str, dict], document, seed: int):
        self._block, self._instruction, self._tools = block, instruction, tools
        self._rng = record_rng(seed, "export", block["block_id"])
        self._descriptions = history["descriptions"]
        self._calls = self._joined(block["calls"], history["calls"])
        self._neutral = self._joined(block["neutral_calls"], history["neutral_calls"])
        same_function = [name for name in block["candidate_tools"] if name in block["tools"]]
        self._columns = {
            "group_id": block["group_id"],
            "category": block["category"],
            "block_id": block["block_id"],
            "candidate_tools": [
                {**document(tools[name]), "provider_description": self._described(name)}
                for name in block["candidate_tools"]
            ],
            "same_function_tools": same_function,
        }

    def _joined(self, drawn: list[dict], written: list[dict]) -> list[Call]:
        return [
            {
                **text,
                "tool": call["tool"],
                "traits": call["traits"],
                "provider_description": self._described(call["tool_name"]),
            }
            for call, text in zip(drawn, written, strict=True)
        ]

    def _described(self, name: str) -> str:
        return self._descriptions.get(name, self._tools[name]["provider_description"])

    def rows(self, users: list[str]) -> Iterator[dict]:
        """All rows of the block, for these users, one for each of its tools."""
        for user_id, tool in zip(users, self._block["tools"], strict=True):
            liked = [call["tool"] in (tool, None) for call in self._calls]
            for setting in SETTINGS.values():
                yield self._row(user_id, setting, "preference", tool, self._calls, liked)
        if self._block["has_overrides"] and self._instruction["overrides"]:
            yield from self._overrides(users)
        if self._neutral:
            yield from self._without_preference(users[0])

    def _overrides(self, users: list[str]) -> Iterator[dict]:
        """For each user, a need that another tool meets than the preferred one; each tool is gold once."""
        tools = self._block["tools"]
        for index, (user_id, preferred) in enumerate(zip(users, tools, strict=True)):
            needed = tools[(index + 1) % len(tools)]
            instruction = self._instruction["overrides"].get(self._block["traits"][needed])
            if not instruction:
                continue
            liked = [call["tool"] in (preferred, None) for call in self._calls]
            for setting in SETTINGS.values():
                row = self._row(f"{user_id}-override", setting, "override", preferred, self._calls, liked, gold=needed)
                yield {**row, "instruction": instruction}

    def _without_preference(self, user_id: str) -> Iterator[dict]:
        """A user whose past says nothing of the tools that do the job: each of them is right."""
        liked = [index % 2 == 0 for index in range(len(self._neutral))]
        self._rng.shuffle(liked)
        gold = self._rng.choice(self._block["tools"])
        for setting in SETTINGS.values():
            yield self._row(
                f"{user_id}-no-preference", setting, "no_preference", None, self._neutral, liked, gold=gold
            )

    def _row(
        self,
        user_id: str,
        setting: Setting,
        kind: str,
        preferred: str | None,
        calls: list[Call],
        liked: list[bool],
        gold: str | None = None,
    ) -> dict:
        past = _arranged(setting, calls, liked)
        gold = gold or preferred
        assert gold is not None
        return {
            "id": f"{user_id}/{setting.name}",
            "user_id": user_id,
            "kind": kind,
            **self._columns,
            "instruction": self._instruction["instruction"],
            "history": [
                {
                    **{key: call[key] for key in ("instruction", "tool_name", "provider_description", "parameters")},
                    "rating": int(is_liked) if setting.is_rated else None,
                }
                for call, is_liked in past
            ],
            "history_length": len(past),
            "tool_call": {"tool_name": gold, "parameters": self._instruction["parameters"][gold]},
            "acceptable_tools": self._columns["same_function_tools"] if preferred is None else [gold],
            "taste": to_json_text(
                {
                    "tool": preferred,
                    "trait": preferred and self._block["traits"][preferred],
                    "tool_traits": self._block["shown_traits"],
                    "call_traits": [call["traits"] for call, _ in past],
                }
            ),
        }


def _arranged(setting: Setting, calls: list[Call], liked: list[bool]) -> list[tuple[Call, bool]]:
    """Which calls a setting's history has, oldest first, each with whether it is liked."""
    both = list(zip(calls, liked, strict=True))
    if setting.dislikes == "mixed":
        return both
    liked_ones = [pair for pair in both if pair[1]]
    return liked_ones if setting.dislikes == "none" else [*(pair for pair in both if not pair[1]), *liked_ones]
