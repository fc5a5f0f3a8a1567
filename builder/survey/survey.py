"""What a catalogue holds, and which groups of same-function tools a build would find in it."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from petoolbench import PARAMETER_KINDS
from petoolkit.embedding import TextEncoder

from ..authors.offline import OfflineAuthor
from ..authors.offline_functions import function_phrase
from ..catalogue.catalogue_files import catalogue_files, named_documents, read_catalogue
from ..catalogue.catalogue_settings import CatalogueSettings
from ..catalogue.tool_document import ToolDocument
from ..grouping.cluster_contents import spanning_after_each_rule
from ..grouping.readable_texts import is_readable, main_script
from ..grouping.tool_clusters import ToolClusters
from ..grouping.uniform_tools import uniform_groups
from ..parameter_forms import UNIFORM
from ..recipe import CollectSettings, GroupSettings
from ..stage_notes import Notes
from ..stages.collect import collect
from ..stages.group import group_rows
from ..tools import Tools

_MAX_DESCRIPTION = CollectSettings().max_description  # as builds cut descriptions unless told otherwise


@dataclass(frozen=True)
class CatalogueFile:
    """One file: its path, the formats that it holds, and how many tools and providers were read of it."""

    path: str
    formats: list[str]
    tools: int
    providers: int


@dataclass(frozen=True)
class Survey:
    """What was found.

    Args:
        files: the files.
        counts: how many tools were read, kept, dropped and left out, for each reason.
        tools: how many were kept.
        providers, categories: how many tools each of them has; providers by category and name.
        parameters: how many parameters there are, and how many of them have what.
        described: how many tools have a provider that is described.
        speakable: how many tools rules can write requests for, without a language model.
        scripts: in which script descriptions are written, by how many tools.
        unreadable: how many descriptions the embedding model does not know.
        model: the embedding model.
        settings: of the groups.
        sweep: for each eps, {eps, clusters, clustered, largest, and the counts of `spanning_after_each_rule`}.
        rules: the counts of `spanning_after_each_rule` at the settings' eps, for each way of `uniform`.
        groups: rows of the stage `group`, those of tools without parameters too.
        without_parameters: ids of the latter.
        spoken_groups: how many of the others have two tools for which rules can write requests.
    """

    files: list[CatalogueFile]
    counts: dict[str, int]
    tools: int
    providers: dict[tuple[str, str], int]
    categories: dict[str, int]
    parameters: dict[str, int]
    described: int
    speakable: int
    scripts: dict[str, int]
    unreadable: int
    model: str
    settings: GroupSettings
    sweep: list[dict[str, Any]]
    rules: dict[str, dict[str, int]]
    groups: list[dict[str, Any]]
    without_parameters: frozenset[str]
    spoken_groups: int


def survey(catalogues: Sequence[CatalogueSettings], settings: GroupSettings, encoder: TextEncoder) -> Survey:
    """Read catalogues, and group their tools as a build does whose recipe has these settings.

    What a tool does is taken from its description by rules; a build whose author asks a language model may group
    otherwise.

    Args:
        catalogues: where they are, and names instead of their own.
        settings: of the groups; their `sweep` is reported on.
        encoder: their embedding model.

    Raises:
        InputError: if a catalogue can't be read, or no tool of it is left.
    """
    notes = Notes()
    files: list[CatalogueFile] = []
    documents = _read(catalogues, files, notes.counts)
    rows = [_understood(tool) for tool in collect(documents, _MAX_DESCRIPTION, False, notes)]
    author = OfflineAuthor(rows)
    tools = Tools({tool["tool_name"]: tool for tool in rows}, encoder, settings.eps)
    known = is_readable([tool["functionality"] for tool in rows], encoder)
    asked_for = np.array([not tool["background"] for tool in rows])
    clusters = ToolClusters(tools, max([settings.eps, *settings.sweep]), settings.min_samples, known & asked_for)
    at_eps = {eps: clusters.at(eps) for eps in sorted({settings.eps, *settings.sweep})}
    with_all = settings.model_copy(update={"parameterless": True})
    groups = group_rows(
        tools, [g for c in at_eps[settings.eps] for g in uniform_groups(tools, c, with_all, False, Counter())]
    )
    spoken = {tool["tool_name"] for tool in rows if author.why_not_asked(tool) is None}
    without_parameters = frozenset(
        group["group_id"] for group in groups if not any(tools[group["tools"][0]][kind] for kind in PARAMETER_KINDS)
    )
    return Survey(
        files=files,
        counts=dict(notes.counts),
        tools=len(rows),
        providers=dict(Counter((tool["category"], tool["provider"]) for tool in rows)),
        categories=dict(Counter(tool["category"] for tool in rows)),
        parameters=_parameters(rows),
        described=sum(bool(tool["provider_description"]) for tool in rows),
        speakable=len(spoken),
        scripts=dict(Counter(main_script(tool["tool_description"]) for tool in rows)),
        unreadable=int((~known).sum()),
        model=encoder.model,
        settings=settings,
        sweep=[
            {"eps": eps, **_sizes(found), **spanning_after_each_rule(tools, found, settings)}
            for eps, found in at_eps.items()
        ],
        rules={
            uniform: spanning_after_each_rule(
                tools, at_eps[settings.eps], settings.model_copy(update={"uniform": uniform})
            )
            for uniform in UNIFORM
        },
        groups=groups,
        without_parameters=without_parameters,
        spoken_groups=sum(
            len(spoken.intersection(group["tools"])) > 1
            for group in groups
            if group["group_id"] not in without_parameters
        ),
    )


def _read(
    catalogues: Iterable[CatalogueSettings], files: list[CatalogueFile], counts: Counter[str]
) -> Iterable[ToolDocument]:
    """Documents of all files; `files` gets an entry for each file."""
    for settings in catalogues:
        for file in catalogue_files([settings.path]):
            formats: Counter[str] = Counter()
            documents = list(named_documents(read_catalogue(file, counts, formats), settings, file, counts))
            providers = {(document.category, document.tool) for document in documents}
            files.append(CatalogueFile(_short(file), list(formats), len(documents), len(providers)))
            yield from documents


def _short(file: Path) -> str:
    return "/".join(file.parts[-2:])


def _understood(tool: dict) -> dict:
    """A tool with what a build's author would add, as far as groups need it."""
    phrase = function_phrase(tool["tool_description"])
    return {**tool, "functionality": phrase or tool["tool_description"], "attributes": tool["provider_description"]}


def _sizes(clusters: list[list[int]]) -> dict[str, int]:
    return {
        "clusters": len(clusters),
        "clustered": sum(map(len, clusters)),
        "largest": max(map(len, clusters), default=0),
    }


def _parameters(rows: list[dict]) -> dict[str, int]:
    counts: Counter[str] = Counter({"tools without parameters": 0, "parameters": 0})
    for tool in rows:
        counts["tools without parameters"] += not any(tool[kind] for kind in PARAMETER_KINDS)
        for kind in PARAMETER_KINDS:
            for parameter in tool[kind]:
                schema = json.loads(parameter["schema"] or "null")
                keys = _keys(schema)
                counts["parameters"] += 1
                counts["required"] += kind == PARAMETER_KINDS[0]
                counts["with a type"] += bool(parameter["type"])
                counts["with a description"] += bool(parameter["description"])
                counts["with enumerated values"] += "enum" in keys
                counts["nested: objects or arrays"] += bool({"properties", "items"} & keys)
                counts["of several types (anyOf, oneOf)"] += bool({"anyOf", "oneOf"} & keys)
    return dict(counts)


def _keys(schema: Any) -> set[str]:
    """The keys of a schema and of those within."""
    if isinstance(schema, list):
        return set().union(*map(_keys, schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema).union(*map(_keys, schema.values()))


def widest(groups: Sequence[dict]) -> float:
    """The largest distance within any group; 0 if there is none."""
    return float(np.max([group["largest_distance"] for group in groups], initial=0))
