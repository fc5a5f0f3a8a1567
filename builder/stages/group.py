"""Stage 3, group: tools that do the same job (paper, section 3.2.2, "Tool Classification")."""

from typing import TYPE_CHECKING

import numpy as np

from petoolbench import InputError
from petoolkit.console import make_console
from petoolkit.engines.engine import HERE, Engine
from petoolkit.exact_products import distance_sums, distances

from ..grouping.cluster_contents import contents
from ..grouping.readable_texts import MULTILINGUAL_MODEL, is_readable
from ..grouping.tool_clusters import ToolClusters
from ..grouping.uniform_tools import Members
from ..stage_notes import Notes
from ..tools import Tools

if TYPE_CHECKING:
    from ..recipe import GroupSettings


class NoGroup(InputError):
    """No tools of a catalogue do the same job and can stand in for one another."""


def group(
    tools: Tools, settings: "GroupSettings", has_attributes: bool, notes: Notes, engine: Engine = HERE
) -> list[dict]:
    """Cluster tools by functionality, then keep what is uniform.

    A group's tools have the same category, parameters (as `settings.uniform` says) and, where they document one,
    response schema, are no further apart than `settings.max_distance`, and come from two or more providers. They
    differ in their attributes, if these are what preferences rest on.

    Args:
        tools: the collected and understood tools.
        settings: of the clusters and of what a group's tools agree in.
        has_attributes: whether preferences rest on what is documented of the providers.
        notes: its counts get what was kept, and what was dropped for each reason. Its extra gets the `sweep` (for each
            eps {eps, clusters, clustered, purity by category and by parameters (share of the clustered tools that
            agree with most of their cluster), groups, kept}), and `rules`: how many clusters span two or more
            providers, and after each rule, how many of them still have such a part.
        engine: compares the tools.

    Output columns:
        group_id (str), category (str), tools (list of str, sorted)
        functionality (str): of the group's most central tool, the group's own words for its function.
        largest_distance (float): cosine distance between the two tools that are furthest apart.

    Returns:
        The groups in order of category and first tool.

    Raises:
        NoGroup: if no group is left.
    """
    texts = tools.functionality_texts
    known = is_readable(texts, tools.encoder)
    if unknown := int((~known).sum()):
        notes.counts["dropped: in a language that the embedding model does not know"] = unknown
        make_console(stderr=True).print(
            f"{unknown:,} of {len(texts):,} tools are in a language that {tools.encoder.model} does not know, and"
            f" are in no group; group.model: {MULTILINGUAL_MODEL} knows 50 languages.",
            markup=False,
            highlight=False,
        )
    asked_for = ~np.array(tools.column("background"), bool)
    largest = max([settings.eps, *settings.sweep])
    clusters = ToolClusters(tools, largest, settings.min_samples, known & asked_for, engine)
    at_eps = {eps: clusters.at(eps) for eps in sorted({settings.eps, *settings.sweep})}
    found = contents(tools, at_eps, settings, has_attributes, engine)
    notes.extra["sweep"], notes.extra["rules"] = found.sweep, found.rules
    notes.counts.update(found.counts)
    groups = [[tools.outline(row) for row in rows] for rows in found.groups]
    if not groups:
        raise NoGroup(_why_none(tools, settings, found.rules))
    notes.counts["groups"] = len(groups)
    notes.counts["tools in groups"] = sum(map(len, groups))
    return group_rows(tools, groups)


def group_rows(tools: Tools, groups: list[Members]) -> list[dict]:
    """Rows of this stage, in order of category and first tool."""
    groups = sorted(groups, key=lambda members: (members[0]["category"], members[0]["tool_name"]))
    return [_row(tools, number, members) for number, members in enumerate(groups, start=1)]


def _why_none(tools: Tools, settings: "GroupSettings", rules: dict[str, int]) -> str:
    found = f"no group of same-function tools is left of {len(tools):,} tools at eps {settings.eps}"
    (_, before), *after = rules.items()
    if not before:
        return f"{found}: no two tools of different providers are that near; raise group.eps or add catalogues."
    counts = iter(rules.values())
    split = {asks: lost for (asks, left), last in zip(after, counts, strict=False) if (lost := last - left)}
    if not split:
        return f"{found}: tools of different providers have the same attributes; take blocks.attributes: assigned."
    worst = max(split, key=split.__getitem__)
    return (
        f"{found}: of {before:,} clusters of two or more providers, "
        f"{', '.join(f'{number:,} are split by {asks}' for asks, number in split.items())}; "
        f"{_MENDS[worst]}, or add catalogues."
    )


_MENDS = {
    "category": "give these catalogues one `category`",
    "parameters' names": "take group.uniform: required",
    "parameters' types": "take group.uniform: required",
    "response": "leave the responses out of the catalogue",
    "distance": "raise group.max_distance",
    "having parameters": "take group.parameterless: true",
}


def _row(tools: Tools, number: int, members: list[dict]) -> dict:
    names = [tool["tool_name"] for tool in members]
    vectors = tools.functionality[[tools.index[name] for name in names]]
    return {
        "group_id": f"g{number:05d}",
        "category": members[0]["category"],
        "tools": names,
        "functionality": members[int(np.argmin(distance_sums(vectors)))]["functionality"],
        "largest_distance": round(float(distances(vectors, vectors).max()), 4),
    }
