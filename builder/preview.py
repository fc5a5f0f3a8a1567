"""A look before spending: a few tools and users written by the model, and an estimate of the whole run."""

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from petoolbench import InputError
from petoolkit.endpoint.request import Reply, Request
from petoolkit.endpoint.usage import Usage
from petoolkit.text import counted

from .authors import AUTHORS, any_asks_a_model, authors_that_ask_a_model
from .authors.author import UnderstandJob
from .catalogue.catalogue_files import documents_of
from .designs import DESIGNS
from .pipeline import do_stages
from .recipe import Recipe
from .record_rng import record_rng
from .run_folder import RunFolder
from .stage import asked
from .stage_arguments import EMBEDDING, Materials, make_author


@dataclass
class Preview:
    """What was tried, and what the whole run would take.

    Args:
        conversations: each request to the model, with its reply.
        rows: columns of `petoolbench.COLUMNS`, and `split`.
        estimate: by stage, calls, prompt_tokens, completion_tokens, cost_usd, and seconds with the recipe's requests
            in flight.
        problem: why there are no rows, if there are none.
    """

    conversations: list[tuple[Request, Reply]] = field(default_factory=list)
    rows: list[dict] = field(default_factory=list)
    estimate: list[dict] = field(default_factory=list)
    problem: str | None = None


def preview(recipe: Recipe, number: int, console: Console) -> Preview:
    """Have `number` tools understood, and `number` users written end to end, by the recipe's model.

    The users' tools are grouped by what an author that asks no model understands of them, which costs nothing. Replies
    are kept like any others. The estimate takes the tried records as typical, also in how many users are drawn in
    vain.

    Raises:
        InputError: if no author of the recipe asks a model; and what a build raises.
    """
    if not any_asks_a_model(recipe.author.by_stage().values()):
        choices = " or ".join(authors_that_ask_a_model())
        raise InputError(f"--preview shows what a language model writes: give --author {choices}, or set it.")
    seen = Preview()

    def on_reply(request: Request, reply: Reply) -> None:
        seen.conversations.append((request, reply))

    free = next(kind.name for kind in AUTHORS.values() if not kind.asks_a_model)
    authors = recipe.author.model_copy(update={"understand": free})
    at_once = recipe.llm.model_copy(update={"batch": False})  # a preview does not wait a day
    tried = recipe.model_copy(update={"users": number, "author": authors, "llm": at_once})
    if _lacks_traits(recipe):
        tried.blocks = recipe.blocks.model_copy(update={"attributes": "assigned"})
        console.print(
            "Traits are assigned for the preview, since all tools would have to be read to name theirs; the estimate "
            "for `history` counts their descriptions, which the build itself does not need."
        )
    with tempfile.TemporaryDirectory() as folder:
        usage = Usage(recipe.llm.chat_prices)
        run = RunFolder(Path(folder), list(DESIGNS[recipe.design].stages), console)
        materials = Materials(tried, run, usage, on_reply)
        console.print(f"Trying {counted(number, 'user')}; nothing is kept but the replies")
        try:
            do_stages(materials)
            seen.rows = list(run.rows("export"))
        except InputError as error:
            if not seen.conversations:
                raise
            seen.problem = str(error)
        tools = list(run.rows("collect"))
        understands = AUTHORS[recipe.author.understand]
        if understands.asks_a_model:
            author = make_author(understands, "understand", materials)
            chosen = record_rng(recipe.seed, "preview", "tools").sample(tools, min(number, len(tools)))
            jobs = (UnderstandJob(tool, record_rng(recipe.seed, "understand", tool["tool_name"])) for tool in chosen)
            rejected = sum(written.rejected is not None for written in author.understand_all(jobs))
            console.print(f"  understand  {len(chosen)} of {len(tools):,} tools tried, {rejected} rejected")
        accepted = DESIGNS[recipe.design].accepted_users(run) if run.manifest("instruct") else 0
        seen.estimate = _estimate(usage, run, recipe, accepted or number, min(number, len(tools)), len(tools))
    return seen


def _lacks_traits(recipe: Recipe) -> bool:
    """Whether blocks need traits that only a language model can name, out of the catalogue's documents."""
    if recipe.design != "controlled" or recipe.blocks.attributes == "assigned":
        return False
    documents = documents_of(recipe.catalogue, Counter())
    return AUTHORS[recipe.author.understand].asks_a_model and not any(document.traits for document in documents)


def _estimate(
    usage: Usage, run: RunFolder, recipe: Recipe, users_tried: int, tools_tried: int, tools: int
) -> list[dict]:
    """Scale what was asked for the tried tools, and for the users accepted at last with those drawn in vain."""
    # All tools are embedded for the preview already.
    times_of = {"understand": tools / tools_tried, EMBEDDING: 1.0}
    lines = []
    for heading, of_stage in usage.stages.items():
        numbers = of_stage.numbers
        if not numbers:
            continue
        times = times_of.get(heading, recipe.users / min(users_tried, recipe.users))
        tried = asked(numbers)
        if heading not in times_of:
            tried = run.manifest(heading).get("extra", {}).get("asked") or tried
        whole = {
            "calls": round(tried["replies"] * times),
            "prompt_tokens": round(tried["tokens sent"] * times),
            "completion_tokens": round(tried["tokens written"] * times),
        }
        paid = Counter({**whole, "embedding_tokens": numbers["embedding_tokens"]})
        each = (numbers["seconds"] + numbers["cached_seconds"]) / max(numbers["calls"] + numbers["cached"], 1)
        seconds = None if recipe.llm.batch else round(each * whole["calls"] / recipe.llm.concurrency, 1)
        lines.append({"stage": heading, **whole, "cost_usd": usage.cost(paid), "seconds": seconds})
    return lines
