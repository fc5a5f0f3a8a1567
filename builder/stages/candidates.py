"""Stage 7, candidates: the tools a model may choose from (paper, section 5.1, "Implementation details")."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from petoolbench import InputError
from petoolkit.chunks import in_chunks
from petoolkit.exact_products import on_grid

from ..record_rng import record_rng
from ..stage_notes import Notes

if TYPE_CHECKING:
    from petoolkit.embedding import TextEncoder

    from ..recipe import CandidateSettings
    from ..tools import Tools

_QUERIES_AT_ONCE = 256


def candidates(
    users: Iterable[dict],
    instructions: Iterable[dict],
    groups: Iterable[dict],
    tools: "Tools",
    retriever: "TextEncoder",
    settings: "CandidateSettings",
    number_of_users: int,
    seed: int,
    notes: Notes,
    accepted_before: int = 0,
) -> Iterator[dict]:
    """Choose and order the candidate tools of the first accepted users, the same for every setting.

    Candidates are the gold tool, its group (at most `settings.same_function` in all), the tools that the retriever
    finds for the instruction, and others at random. A tool outside the group that could do the job, going by its
    description, is left out: it would be right and count as wrong.

    Input columns: those of `prefer`, `instruct` and `group`.
    Args:
        accepted_before: users of instructions before these, who count towards `number_of_users`.

    Output columns:
        user_id (str)
        candidate_tools (list of str): `settings.number` names in the order that a model sees; the gold tool's position
            is uniform.
        same_function_tools (list of str): those of the gold tool's group, in the same order.

    Raises:
        InputError: if the catalogue has too few tools.
    """
    by_group = {group["group_id"]: group["tools"] for group in groups}
    most = min(settings.number, settings.same_function or settings.number)
    wanted = max(0, number_of_users - accepted_before)
    accepted = islice((row for row in instructions if not row["rejected"]), wanted)
    for row, user, query, rough in _with_queries(accepted, users, tools, retriever):
        rng = record_rng(seed, "candidates", row["user_id"])
        group = by_group[user["group_id"]]
        others = [name for name in group if name != user["gold_tool"]]
        if len(group) > most:
            notes.counts[f"groups cut to {most} candidates"] += 1
            others = rng.sample(others, most - 1)
        chosen = [user["gold_tool"], *others]

        allowed = ~tools.does_job_of(user["gold_tool"])
        allowed[[tools.index[name] for name in group]] = False
        if allowed.sum() < settings.number - len(chosen):
            raise InputError(
                f"{settings.number} candidates were asked for, but only {allowed.sum() + len(chosen)} tools can stand "
                f"beside {user['gold_tool']}; lower candidates.number or add catalogues."
            )
        retrieved = min(settings.retrieved, settings.number - len(chosen))
        found = tools.documents(retriever).nearest(query, rough, retrieved, allowed)
        chosen += [tools.names[index] for index in found]
        allowed[found] = False
        rest = np.flatnonzero(allowed)
        drawn = rng.sample(range(len(rest)), settings.number - len(chosen))
        chosen += [tools.names[index] for index in rest[drawn]]
        rng.shuffle(chosen)
        yield {
            "user_id": row["user_id"],
            "candidate_tools": chosen,
            "same_function_tools": [name for name in chosen if name in group],
        }


def _with_queries(
    instructions: Iterable[dict], users: Iterable[dict], tools: "Tools", retriever: "TextEncoder"
) -> Iterator[tuple[dict, dict, np.ndarray, np.ndarray]]:
    """Instructions, each with its user, its vector, and the vector's rough products with all documents.

    Both kinds of rows stand in the same order.
    """
    waiting = iter(users)
    documents = tools.documents(retriever)
    for part in in_chunks(instructions, _QUERIES_AT_ONCE):
        users_of_part = [next(user for user in waiting if user["user_id"] == row["user_id"]) for row in part]
        tools.find_near(user["gold_tool"] for user in users_of_part)
        queries = on_grid(retriever.encode([row["instruction"] for row in part], "instructions"))
        yield from zip(part, users_of_part, queries, documents.rough(queries), strict=True)
