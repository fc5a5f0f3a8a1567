"""Stage 6, instruct: what the user asks now (paper, section 3.2.3, "Instruction Generation")."""

import re
from collections.abc import Iterable, Iterator

from builder.offline import OfflineAuthor
from builder.recipe import record_rng
from builder.tools import Tools
from petoolbench import SETTINGS, ToolName, to_json_text

_WORD = re.compile(r"[^\W_]+")
_MOST_DRAWS = 12  # of an instruction for one user


def instruct(
    users: Iterable[dict],
    histories: Iterable[dict],
    groups: Iterable[dict],
    tools: Tools,
    author: OfflineAuthor,
    seed: int,
) -> Iterator[dict]:
    """Write the instruction that each user's gold tool fulfils; it is drawn again while it gives something away.

    Input columns: those of `prefer`, `history` and `group`.
    Output columns:
        user_id (str) instruction (str), parameters (JSON text): of the gold call.
        rejected (str or null): why no instruction could be written.
    """
    by_group = {group["group_id"]: group for group in groups}
    past = {row["user_id"]: {call["instruction"] for s in SETTINGS for call in row[s]} for row in histories}
    for user in users:
        if user["rejected"]:
            continue
        group = by_group[user["group_id"]]
        rng = record_rng(seed, "instruct", user["user_id"])
        for _ in range(_MOST_DRAWS):
            said = author.instruct(tools[user["gold_tool"]], group["functionality"], rng)
            rejected = objection(said["instruction"], group["tools"], past[user["user_id"]])
            if not rejected:
                break
        yield {
            "user_id": user["user_id"],
            "instruction": said["instruction"],
            "parameters": to_json_text(said["parameters"]),
            "rejected": rejected,
        }


def objection(instruction: str, tool_names: Iterable[str], past_instructions: set[str]) -> str | None:
    """Why an instruction may not stand: it names a tool or provider of its group, or repeats one of the history."""
    if instruction in past_instructions:
        return "repeats an instruction of the history"
    spoken = _spoken(instruction)
    for name in map(ToolName.parse, tool_names):
        if _spoken(name.provider) in spoken:
            return "names a provider"
        if _spoken(name.api) in spoken:
            return "names a tool"
    return None


def _spoken(text: str) -> str:
    """Lower-case words between single spaces, so that a name is found as whole words, however it is written."""
    return f" {' '.join(_WORD.findall(text.lower()))} "
