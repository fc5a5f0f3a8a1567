"""A survey as chapters of sentences and tables, which a terminal, Markdown and HTML show."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from petoolbench import ToolName
from petoolkit.text import counted, in_percent, on_one_line

from ..catalogue.catalogue_settings import CatalogueSettings
from ..grouping.readable_texts import MULTILINGUAL_MODEL
from .survey import Survey, widest

_FEWEST_PROVIDERS = 12  # a block's ten candidates, and two whose past calls show what a user likes
RECIPE = "own-tools"
_BEFORE_RULES = 5  # numbers of a sweep's line, before those of each rule


@dataclass(frozen=True)
class Chapter:
    """A part of the survey: its title, sentences, and a table.

    Args:
        heads: of the table's columns; empty if there is no table. All but the first are numbers if `numeric`.
        rows: its cells.
    """

    title: str
    sentences: list[str] = field(default_factory=list)
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    numeric: bool = False


def chapters(survey: Survey, catalogues: Sequence[CatalogueSettings]) -> list[Chapter]:
    """All chapters, in the order in which one asks."""
    return [
        _files(survey),
        _kept(survey),
        _tools(survey),
        _parameters(survey),
        _sweep(survey),
        _uniformity(survey),
        _groups(survey),
        Chapter("What to do next", list(_next(survey, catalogues))),
    ]


def _files(survey: Survey) -> Chapter:
    rows = [
        (file.path, ", ".join(file.formats) or "no tool", f"{file.tools:,}", f"{file.providers:,}")
        for file in survey.files
    ]
    return Chapter("Files", [], ("file", "form", "tools", "providers"), rows)


def _kept(survey: Survey) -> Chapter:
    sentence = f"{survey.tools:,} of {counted(survey.counts['read'], 'tool')} are kept."
    rows = [(what, f"{number:,}") for what, number in survey.counts.items() if what not in ("read", "kept")]
    return Chapter("What was kept and what was left out", [sentence], ("what, and why", "number"), rows, numeric=True)


def _tools(survey: Survey) -> Chapter:
    scripts = ", ".join(f"{name} {number:,}" for name, number in Counter(survey.scripts).most_common())
    sentences = [
        f"{counted(len(survey.providers), 'provider')} in {len(survey.categories):,} "
        f"{'category' if len(survey.categories) == 1 else 'categories'}.",
        f"{survey.described:,} of the tools have a provider that is described: what is not described can't be "
        "preferred for what it is like, unless a build assigns traits.",
        f"Rules can write requests for {survey.speakable:,} of the tools; a language model writes them for all.",
        f"Letters of the descriptions: {scripts}.",
    ]
    if survey.unreadable:
        sentences.append(
            f"{counted(survey.unreadable, 'description')} are in a language that {survey.model} does not know: their "
            f"tools are in no group. `group.model: {MULTILINGUAL_MODEL}` knows 50 languages."
        )
    by_category: dict[str, list[int]] = {}
    for (category, _), tools in survey.providers.items():
        by_category.setdefault(category, []).append(tools)
    rows = [
        (category, f"{len(tools):,}", f"{sum(tools):,}")
        for category, tools in sorted(by_category.items(), key=lambda item: -sum(item[1]))
    ]
    return Chapter("Tools", sentences, ("category", "providers", "tools"), rows, numeric=True)


def _parameters(survey: Survey) -> Chapter:
    everything = survey.parameters["parameters"] or 1
    tools = survey.parameters["tools without parameters"]
    rows = [
        (what, f"{number:,}", in_percent(number / everything))
        for what, number in survey.parameters.items()
        if what not in ("parameters", "tools without parameters")
    ]
    sentence = f"{counted(survey.parameters['parameters'], 'parameter')}; {tools:,} tools take none."
    return Chapter("Parameters", [sentence], ("parameters", "number", "share"), rows, numeric=True)


def _sweep(survey: Survey) -> Chapter:
    settings = survey.settings
    sentences = [
        "A cluster is a chain of tools whose descriptions are within eps of one another, in cosine distance. Columns "
        "after `largest` count the clusters that span providers, and how many of them still have such a part after "
        f"each rule of `group.uniform: {settings.uniform}`, one rule after the other. The star is at the chosen eps.",
    ]
    rules = [_short_name(asks) for asks in list(survey.sweep[0])[_BEFORE_RULES:]]
    rows = [
        [f"{'*' if one['eps'] == settings.eps else ''}{one['eps']:g}", *(f"{n:,}" for n in list(one.values())[1:])]
        for one in survey.sweep
    ]
    heads = ["eps", "clusters", "tools", "largest", "spanning", *rules]
    return Chapter("Clusters at each eps", sentences, heads, rows, numeric=True)


def _short_name(asks: str) -> str:
    """`names` of `parameters' names`."""
    return asks.rpartition(" ")[2]


def _uniformity(survey: Survey) -> Chapter:
    rows = []
    for uniform, counts in survey.rules.items():
        (_, before), *after = counts.items()
        left, lost = before, []
        for asks, number in after:
            if number < left:
                lost.append(f"{asks} {left - number:,}")
            left = number
        rows.append((uniform, f"{before:,}", f"{left:,}", ", ".join(lost) or "nothing"))
    heads = ("group.uniform", "clusters of two providers", "kept", "split by")
    settings = survey.settings
    sentence = f"At eps {settings.eps:g}, with no two tools of a group more than {settings.max_distance:g} apart."
    return Chapter("What splits the clusters", [sentence], heads, rows)


def _groups(survey: Survey) -> Chapter:
    rows = [
        (
            group["category"],
            on_one_line(group["functionality"]),
            f"{group['largest_distance']:.2f}",
            "none" if group["group_id"] in survey.without_parameters else "",
            "; ".join(_named(name) for name in group["tools"]),
        )
        for group in survey.groups
    ]
    sentences = [
        f"{counted(len(survey.groups), 'group')} of tools that do the same job, of two or more providers each, "
        f"{widest(survey.groups):.2f} the widest. Read some of them: if tools of a group do different things, lower "
        "group.max_distance.",
    ]
    if survey.without_parameters:
        sentences.append(
            f"{counted(len(survey.without_parameters), 'group')} of tools without parameters: made only with "
            "`group.parameterless: true`."
        )
    return Chapter("Groups", sentences, ("category", "what they do", "distance", "parameters", "tools"), rows)


def _named(name: str) -> str:
    """A tool as `provider: api`; names are other people's text."""
    _, provider, api = ToolName.parse(name)
    return on_one_line(f"{provider}: {api}" if provider else api)


def _options(catalogues: Sequence[CatalogueSettings]) -> str:
    """The catalogues as options of a command; names stand there if all catalogues that are asked about share them."""
    options = [f"--{'background' if one.background else 'catalogue'} {shlex.quote(one.path)}" for one in catalogues]
    names = [one.names for one in catalogues if not one.background]
    if names and all(others == names[0] for others in names):
        options += [f"--{name.replace('_', '-')} {shlex.quote(value)}" for name, value in names[0].items()]
    return " ".join(options)


def _next(survey: Survey, catalogues: Sequence[CatalogueSettings]) -> Iterator[str]:
    usable = len(survey.groups) - len(survey.without_parameters)
    if survey.spoken_groups < usable:
        yield (
            f"Rules can write requests for {survey.spoken_groups:,} of {counted(usable, 'group')} with parameters; "
            "`--author openai` for all of them."
        )
    options = _options(catalogues)
    if usable:
        yield f"`petoolbench build --recipe {RECIPE} {options}` builds a benchmark of these groups."
        if len(survey.providers) < _FEWEST_PROVIDERS:
            yield (
                f"A history needs providers that are not among the candidates, and there are {len(survey.providers)} "
                "in all: add `--background embedded` for more, or lower candidates.number."
            )
    elif survey.groups:
        yield "All groups are of tools without parameters: copy a recipe, and set group.parameterless: true."
    else:
        kept = {uniform: list(counts.values())[-1] for uniform, counts in survey.rules.items()}
        better = next((uniform for uniform, number in kept.items() if number), None)
        yield (
            f"No group is left. `group.uniform: {better}` would keep {counted(kept[better], 'cluster')}."
            if better
            else "No group is left: add catalogues of other providers, or give all of them one `--category`."
        )
    of_logs = _options([one for one in catalogues if not one.background])
    yield f"With logs of real calls: `petoolbench import logs FILE {of_logs}`."
