"""Controlled design, the stages `history` and `instruct`: a block's texts, written once for all its users."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from petoolbench import PARAMETER_KINDS, SETTINGS, to_json_text

from ..authors.author import Author, DescribeJob, HistoryJob, InstructJob, OverrideJob, ServeJob, Written
from ..parameter_forms import UNIFORM, parameter_types
from ..record_rng import record_rng
from ..spoken_names import shared_words
from ..stage_notes import Notes
from .instruct import objection

# Past calls are written without a word on who likes them, as in the setting that holds no dislikes.
_SETTING = next(setting for setting in SETTINGS.values() if setting.dislikes == "none")


def block_history(blocks: Iterable[dict], tools: Mapping[str, dict], author: Author, seed: int) -> Iterator[dict]:
    """Have the past calls of each accepted block written, and the descriptions of assigned traits.

    Input columns: those of `blocks`; `tools` by name, with the columns of `collect` and `understand`.
    Output columns:
        block_id (str)
        calls, neutral_calls (lists of {instruction, tool_name, parameters (JSON text)}): in the order of the columns
            of that name in `blocks`.
        descriptions ({tool name: text}): of the providers, where traits are assigned; else empty.
        rejected, raw_reply (str or null): why there are none of these, and what was written last.
    """
    accepted = [block for block in blocks if not block["rejected"]]

    def jobs() -> Iterator[HistoryJob]:
        for block in accepted:
            calls: list[tuple[dict, int | None]] = [
                (tools[call["tool_name"]], None) for call in [*block["calls"], *block["neutral_calls"]]
            ]
            yield HistoryJob(_SETTING, calls, set(), record_rng(seed, "history", block["block_id"]))

    def descriptions() -> Iterator[DescribeJob]:
        for block in accepted:
            rng = record_rng(seed, "describe", block["block_id"])
            called = {call["tool_name"]: call["traits"] for call in [*block["calls"], *block["neutral_calls"]]}
            yield DescribeJob(
                {name: tools[name]["category"] for name in [*block["candidate_tools"], *called]},
                candidates=block["shown_traits"],
                called=called,
                is_crossed=block["is_crossed"],
                rng=rng,
            )

    described = author.describe_all(descriptions()) if any(block["is_assigned"] for block in accepted) else None
    for block, written in zip(accepted, author.write_histories(jobs()), strict=True):
        description = next(described) if described else None
        failed = next((one for one in (written, description) if one and one.rejected), None)
        calls = [
            {key: call[key] for key in ("instruction", "tool_name")} | {"parameters": to_json_text(call["parameters"])}
            for call in written.value or []
        ]
        # An author may write the calls in any order.
        by_name = {call["tool_name"]: call for call in calls}
        yield {
            "block_id": block["block_id"],
            **{
                key: None if failed else [by_name[call["tool_name"]] for call in block[key]]
                for key in ("calls", "neutral_calls")
            },
            "descriptions": description.value if description and not failed else {},
            "rejected": failed and failed.rejected,
            "raw_reply": failed and failed.raw_reply,
        }


def block_instruct(
    blocks: Iterable[dict],
    histories: Iterable[dict],
    groups: Iterable[dict],
    tools: Mapping[str, dict],
    author: Author,
    uniform: str,
    seed: int,
    notes: Notes,
) -> Iterator[dict]:
    """Have each block's instruction written, which any of its k tools fulfils.

    The gold calls' parameters are the same, from those that all tools share; if groups are uniform in their `function`
    alone, they are each tool's own, and the author confirms that each tool can fulfil the instruction.

    Input columns: those of `blocks`, `history` and `group`; `tools` by name.
    Output columns:
        block_id (str)
        instruction (str)
        parameters ({tool: JSON text}): of each gold call.
        overrides ({trait: str}): the instruction with a need for the trait, for each trait of a tool or for none.
        users (int): of the block, for whom it counts.
        rejected, raw_reply (str or null): why there is no instruction, and what was written last.
    """
    is_served = not UNIFORM[uniform]
    by_group = {group["group_id"]: group for group in groups}
    history_of = {row["block_id"]: row for row in histories if not row["rejected"]}
    accepted = [block for block in blocks if block["block_id"] in history_of]

    def objection_to(block: dict):
        calls = history_of[block["block_id"]]
        past = {call["instruction"] for key in ("calls", "neutral_calls") for call in calls[key]}
        names = by_group[block["group_id"]]["tools"]
        common_words = shared_words(tools[name]["tool_description"] for name in names)
        return partial(objection, tool_names=names, past_instructions=past, common_words=common_words)

    def jobs() -> Iterator[InstructJob]:
        for block in accepted:
            members = [tools[name] for name in block["tools"]]
            yield InstructJob(
                tool=members[0] if is_served else _shared_tool(members),
                functionality=block["functionality"],
                history=history_of[block["block_id"]]["calls"],
                objection=objection_to(block),
                rng=record_rng(seed, "instruct", block["block_id"]),
                rivals=() if is_served else members[1:],
            )

    written_all = list(author.instruct_all(jobs()))
    if is_served:
        written_all = _served(accepted, written_all, tools, author, seed)
    rows = []
    for block, written in zip(accepted, written_all, strict=True):
        rows.append(
            {
                "block_id": block["block_id"],
                "instruction": written.value and written.value["instruction"],
                "parameters": written.value and _by_tool(block["tools"], written.value["parameters"], is_served),
                "overrides": {},
                "users": len(block["tools"]),
                "rejected": written.rejected,
                "raw_reply": written.raw_reply,
            }
        )
    asked = [
        (row, block, trait)
        for row, block in zip(rows, accepted, strict=True)
        if block["has_overrides"] and not row["rejected"]
        for trait in block["traits"].values()
    ]
    overrides = (
        OverrideJob(
            row["instruction"],
            row["parameters"][block["tools"][0]],
            trait,
            objection_to(block),
            record_rng(seed, f"override {trait}", block["block_id"]),
        )
        for row, block, trait in asked
    )
    for (row, _, trait), written in zip(asked, author.override_all(overrides), strict=True):
        row["overrides"][trait] = written.value
    for row in rows:
        if not all(row["overrides"].values()):  # a block's override rows stay balanced: all of them, or none
            row["overrides"] = {}
            notes.counts["blocks without override rows: a need was not written"] += 1
    yield from rows


def _by_tool(names: list[str], parameters: dict, is_served: bool) -> dict[str, str]:
    """JSON text of the parameters of each tool: its own, or those that all of them share."""
    return {name: to_json_text(parameters[name] if is_served else parameters) for name in names}


def _served(
    blocks: list[dict], written_all: list[Written], tools: Mapping[str, dict], author: Author, seed: int
) -> list[Written]:
    """Instructions with the parameters of each tool, by its name; rejected where one of the tools cannot fulfil it."""
    asked = [(block, written) for block, written in zip(blocks, written_all, strict=True) if not written.rejected]
    jobs = (
        ServeJob(
            written.value["instruction"],
            to_json_text(written.value["parameters"]),
            [tools[name] for name in block["tools"][1:]],
            record_rng(seed, "serve", block["block_id"]),
        )
        for block, written in asked
    )
    served = {
        block["block_id"]: Written(
            {**written.value, "parameters": {block["tools"][0]: written.value["parameters"], **found.value}}
        )
        if not found.rejected
        else found
        for (block, written), found in zip(asked, author.serve_all(jobs), strict=True)
    }
    return [served.get(block["block_id"], written) for block, written in zip(blocks, written_all, strict=True)]


def _shared_tool(members: list[dict]) -> dict:
    """A tool of the block with the parameters that all of them share, by name and type."""
    first = dict(members[0])
    for kind in PARAMETER_KINDS:
        shared = set.intersection(*(set(parameter_types(tool, [kind])[0]) for tool in members))
        names = {name for name, *_ in shared}
        first[kind] = [parameter for parameter in first[kind] if parameter["name"] in names]
    return first
