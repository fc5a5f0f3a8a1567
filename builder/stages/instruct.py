"""Stage 6, instruct: what the user asks now (paper, section 3.2.3, "Instruction Generation")."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial

from petoolbench import SETTINGS, to_json_text

from ..authors.author import Author, InstructJob
from ..record_rng import record_rng
from ..spoken_names import named, shared_words


def instruct(
    users: Iterable[dict],
    histories: Iterable[dict],
    groups: Iterable[dict],
    tools: Mapping[str, dict],
    author: Author,
    seed: int,
) -> Iterator[dict]:
    """Have the instruction written that each user's gold tool fulfils, without giving away which tool that is.

    Input columns: those of `prefer`, `history` and `group`; `tools` by name, with the columns of `collect` and
        `understand`.
    Output columns:
        user_id (str)
        instruction (str), parameters (JSON text): of the gold call.
        rejected, raw_reply (str or null): why there is no instruction, and what was written last.
    """
    by_group = {group["group_id"]: group for group in groups}
    history_of = {row["user_id"]: row for row in histories if not row["rejected"]}
    accepted = [user for user in users if not user["rejected"] and user["user_id"] in history_of]
    # Ratings say most of a user's taste: the author sees the history of the first setting that has them.
    telling = max(SETTINGS.values(), key=lambda setting: setting.is_rated)

    def jobs() -> Iterator[InstructJob]:
        for user in accepted:
            group, history = by_group[user["group_id"]], history_of[user["user_id"]]
            past = {call["instruction"] for setting in SETTINGS for call in history[setting]}
            yield InstructJob(
                tool=tools[user["gold_tool"]],
                functionality=group["functionality"],
                history=history[telling.name],
                objection=partial(
                    objection,
                    tool_names=group["tools"],
                    past_instructions=past,
                    common_words=shared_words(tools[name]["tool_description"] for name in group["tools"]),
                ),
                rng=record_rng(seed, "instruct", user["user_id"]),
            )

    for user, written in zip(accepted, author.instruct_all(jobs()), strict=True):
        yield {
            "user_id": user["user_id"],
            "instruction": written.value and written.value["instruction"],
            "parameters": written.value and to_json_text(written.value["parameters"]),
            "rejected": written.rejected,
            "raw_reply": written.raw_reply,
        }


def objection(
    instruction: str,
    tool_names: Iterable[str],
    past_instructions: set[str],
    common_words: Collection[str] = frozenset(),
) -> str | None:
    """Why an instruction may not stand: it repeats one of the history, or names a tool or provider of its group.

    A name that all tools of the group have may be said, and so may a tool's name made of `common_words`, which all of
    their descriptions have: `forecast` says what is asked, not who is to do it.
    """
    if instruction in past_instructions:
        return "repeats an instruction of the history"
    found = named(instruction, tool_names, common_words)
    return f"names {found[0]}" if found else None
