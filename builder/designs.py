"""The designs of a benchmark: each is a table of stages (DESIGN, "Two designs of a benchmark")."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from petoolbench import SETTINGS

from .kept_vectors import ATTRIBUTES, FUNCTIONS, INSTRUCTIONS, KeptVectors, TextsOf
from .run_folder import RunFolder
from .stage import Stage
from .stage_arguments import (
    AuthorOf,
    CataloguesOfRecipe,
    CountOfPartsBefore,
    DrawnUsers,
    EngineOfBuild,
    FromRecipe,
    Made,
    NotesOfStage,
    RowsOf,
    SpareUsers,
)
from .stage_parts import InParts
from .stages.block_export import block_export
from .stages.block_texts import block_history, block_instruct
from .stages.blocks import blocks
from .stages.candidates import candidates
from .stages.collect import collect_catalogues
from .stages.export import draw_test_users, export
from .stages.group import group
from .stages.history import history
from .stages.instruct import instruct
from .stages.prefer import prefer, user_ids
from .stages.understand import understand
from .tool_argument import ToolsOfBuild
from .tools import Tools

_TOOLS_BY_NAME = ToolsOfBuild()
_RETRIEVER = ("candidates.retriever", "group.model")


def _tools(*embedded: TextsOf) -> Made:
    encoder = KeptVectors("group.model", of=embedded)
    return Made(
        Tools,
        by_name=_TOOLS_BY_NAME,
        encoder=encoder,
        eps=FromRecipe("group.eps"),
        furthest=FromRecipe("group.max_distance"),
        uniform=FromRecipe("group.uniform"),
    )


_TOOLS = _tools(FUNCTIONS)
_TOOLS_WITH_ATTRIBUTES = _tools(FUNCTIONS, ATTRIBUTES)
_GROUPS = RowsOf("group", as_list=True)
_SEED = FromRecipe("seed")
_NOTES = NotesOfStage()


@dataclass(frozen=True)
class Design:
    """A way to make a benchmark of understood tools.

    Args:
        name: as recipes have it.
        stages: by name, in their order.
        drawing: the names of the stages that are done over again with more users while too few are accepted.
        accepted_users: takes the run, and gives the number of users that the last of these stages accepted.
    """

    name: Literal["controlled", "paper"]
    stages: dict[str, Stage]
    drawing: tuple[str, ...]
    accepted_users: Callable[[RunFolder], int]


def _by_name(*stages: Stage) -> dict[str, Stage]:
    return {stage.name: stage for stage in stages}


_COMMON = (
    Stage(
        "collect",
        collect_catalogues,
        {
            "catalogues": CataloguesOfRecipe(),
            "max_description": FromRecipe("collect.max_description"),
            "needs_attributes": FromRecipe("needs_attributes"),
            "notes": _NOTES,
            "engine": EngineOfBuild(reads_files=True),
        },
    ),
    Stage(
        "understand",
        understand,
        {"tools": RowsOf("collect"), "author": AuthorOf("understand"), "seed": _SEED, "notes": _NOTES},
        lambda materials: materials.run.manifest("collect")["rows"],
        InParts(("tools",), size=500),
    ),
    Stage(
        "group",
        group,
        {
            "tools": _TOOLS,
            "settings": FromRecipe(
                "group", only=("eps", "min_samples", "sweep", "max_distance", "uniform", "parameterless")
            ),
            "has_attributes": FromRecipe("needs_attributes"),
            "notes": _NOTES,
            "engine": EngineOfBuild(),
        },
    ),
)
_CONTROLLED = (
    *_COMMON,
    Stage(
        "blocks",
        blocks,
        {
            "tools": _TOOLS,
            "groups": _GROUPS,
            "retriever": KeptVectors(*_RETRIEVER, of=(FUNCTIONS,)),
            "settings": FromRecipe("blocks"),
            "candidates": FromRecipe("candidates", only=("number", "same_function", "retrieved")),
            "export": FromRecipe("export", only=("split", "test_share")),
            "users": DrawnUsers(),
            "spare": SpareUsers(),
            "seed": _SEED,
            "notes": _NOTES,
            "engine": EngineOfBuild(),
        },
    ),
    Stage(
        "history",
        block_history,
        {"blocks": RowsOf("blocks"), "tools": _TOOLS_BY_NAME, "author": AuthorOf("history"), "seed": _SEED},
        lambda materials: materials.run.manifest("blocks")["counts"].get("accepted"),
        InParts(("blocks",)),
    ),
    Stage(
        "instruct",
        block_instruct,
        {
            "blocks": RowsOf("blocks"),
            "histories": RowsOf("history"),
            "groups": _GROUPS,
            "tools": _TOOLS_BY_NAME,
            "author": AuthorOf("instruct"),
            "uniform": FromRecipe("group.uniform"),
            "seed": _SEED,
            "notes": _NOTES,
        },
        lambda materials: materials.run.manifest("history")["counts"].get("accepted"),
        InParts(("blocks", "histories"), "block_id"),
    ),
    Stage(
        "export",
        block_export,
        {
            "blocks": RowsOf("blocks"),
            "histories": RowsOf("history"),
            "instructions": RowsOf("instruct"),
            "tools": _TOOLS_BY_NAME,
            "settings": FromRecipe("export"),
            "users": FromRecipe("users"),
            "seed": _SEED,
            "notes": _NOTES,
            "users_before": CountOfPartsBefore(),
        },
        lambda materials: materials.recipe.users * len(SETTINGS),
        InParts(
            ("blocks", "histories", "instructions"),
            "block_id",
            size=50,
            counted_before="users_before",
            count=lambda rows: sum(row["users"] for row in rows["instructions"] if not row["rejected"]),
        ),
    ),
)
_PAPER = (
    *_COMMON,
    Stage(
        "prefer",
        prefer,
        {
            "tools": _TOOLS_WITH_ATTRIBUTES,
            "groups": _GROUPS,
            "settings": FromRecipe("prefer"),
            "history": FromRecipe("history", only=("min_length", "max_length", "min_disliked")),
            "users": Made(user_ids, number=DrawnUsers()),
            "seed": _SEED,
        },
        lambda materials: materials.drawn,
        InParts(("users",)),
    ),
    Stage(
        "history",
        history,
        {
            "users": RowsOf("prefer"),
            "tools": _TOOLS_BY_NAME,
            "author": AuthorOf("history"),
            "settings": FromRecipe("history"),
            "seed": _SEED,
        },
        lambda materials: materials.drawn,
        InParts(("users",)),
    ),
    Stage(
        "instruct",
        instruct,
        {
            "users": RowsOf("prefer"),
            "histories": RowsOf("history"),
            "groups": _GROUPS,
            "tools": _TOOLS_BY_NAME,
            "author": AuthorOf("instruct"),
            "seed": _SEED,
        },
        lambda materials: materials.drawn,
        InParts(("users", "histories"), "user_id"),
    ),
    Stage(
        "candidates",
        candidates,
        {
            "users": RowsOf("prefer"),
            "instructions": RowsOf("instruct"),
            "groups": _GROUPS,
            "tools": _TOOLS,
            "retriever": KeptVectors(*_RETRIEVER, of=(FUNCTIONS, INSTRUCTIONS)),
            "settings": FromRecipe("candidates", only=("number", "same_function", "retrieved")),
            "number_of_users": FromRecipe("users"),
            "seed": _SEED,
            "notes": _NOTES,
            "accepted_before": CountOfPartsBefore(),
        },
        lambda materials: materials.recipe.users,
        InParts(
            ("users", "instructions"),
            "user_id",
            counted_before="accepted_before",
            count=lambda rows: sum(not row["rejected"] for row in rows["instructions"]),
        ),
    ),
    Stage(
        "export",
        export,
        {
            "users": RowsOf("prefer"),
            "histories": RowsOf("history"),
            "instructions": RowsOf("instruct"),
            "candidates": RowsOf("candidates"),
            "tools": _TOOLS_BY_NAME,
            "test_users": Made(
                draw_test_users,
                users=RowsOf("prefer"),
                candidates=RowsOf("candidates"),
                settings=FromRecipe("export"),
                seed=_SEED,
            ),
            "settings": FromRecipe("export"),
            "notes": _NOTES,
        },
        lambda materials: materials.recipe.users * len(SETTINGS),
        InParts(("users", "histories", "instructions", "candidates"), "user_id", size=100),
    ),
)


def _users_of_accepted_blocks(run: RunFolder) -> int:
    return sum(row["users"] for row in run.rows("instruct") if not row["rejected"])


DESIGNS: dict[str, Design] = {
    design.name: design
    for design in (
        Design("controlled", _by_name(*_CONTROLLED), ("blocks", "history", "instruct"), _users_of_accepted_blocks),
        Design(
            "paper",
            _by_name(*_PAPER),
            ("prefer", "history", "instruct"),
            lambda run: run.manifest("instruct")["counts"].get("accepted", 0),
        ),
    )
}
