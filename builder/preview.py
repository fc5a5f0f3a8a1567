"""A look before spending: a few tools and users written by the model, and an estimate of the whole run."""

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from petoolbench import InputError
from petoolkit.endpoint.request import Reply, Request
from petoolkit.endpoint.usage import Usage

from .authors.author import UnderstandJob
from .authors.openai import OpenAIAuthor
from .pipeline import asked, build
from .recipe import Recipe, record_rng
from .run_folder import RunFolder


@dataclass
class Preview:
    """What was tried, and what the whole run would take."""

    conversations: list[tuple[Request, Reply]] = field(default_factory=list)
    rows: list[dict] = field(default_factory=list)  # columns of `petoolbench.FEATURES`, and `split`
    # By stage: calls, prompt_tokens, completion_tokens, cost_usd, and seconds with the recipe's requests in flight.
    estimate: list[dict] = field(default_factory=list)
    problem: str | None = None  # why there are no rows, if there are none


def preview(recipe: Recipe, number: int, console: Console) -> Preview:
    """Have `number` tools understood, and `number` users written end to end, by the recipe's model.

    The users' tools are grouped by what rules understand of them, which costs nothing. Replies are kept like any
    others. The estimate takes the tried records as typical, also in how many users are drawn in vain.

    Raises:
        InputError: if no stage of the recipe has the author `openai`; and what a build raises.
    """
    if "openai" not in recipe.author.model_dump().values():
        raise InputError("--preview shows what a language model writes: give --author openai, or set it.")
    seen = Preview()

    def on_reply(request: Request, reply: Reply) -> None:
        seen.conversations.append((request, reply))

    free = recipe.author.model_copy(update={"understand": "offline"})
    now = recipe.llm.model_copy(update={"batch": False})  # who looks before spending does not wait a day
    tried = recipe.model_copy(update={"users": number, "author": free, "llm": now})
    with tempfile.TemporaryDirectory() as folder:
        usage = Usage(recipe.llm.chat_prices)
        run = RunFolder(Path(folder, "run"), console)
        try:
            build(tried, run.folder, Path(folder, "dataset"), console, usage, on_reply)
            seen.rows = list(run.rows("export"))
        except InputError as error:
            if not seen.conversations:
                raise
            seen.problem = str(error)
        tools = list(run.rows("collect"))
        if recipe.author.understand == "openai":
            usage.stage = "understand"
            author = OpenAIAuthor(now, recipe.seed, usage, on_reply)
            chosen = record_rng(recipe.seed, "preview", "tools").sample(tools, min(number, len(tools)))
            jobs = (UnderstandJob(tool, record_rng(recipe.seed, "understand", tool["tool_name"])) for tool in chosen)
            rejected = sum(written.rejected is not None for written in author.understand_all(jobs))
            console.print(f"  understand  {len(chosen)} of {len(tools):,} tools tried, {rejected} rejected")
        seen.estimate = _estimate(usage, run, recipe, min(number, len(tools)), len(tools))
    return seen


def _estimate(usage: Usage, run: RunFolder, recipe: Recipe, tools_tried: int, tools: int) -> list[dict]:
    """Scale what was asked for the tried tools, and for the users accepted at last with those drawn in vain."""
    accepted = run.manifest("instruct").get("counts", {}).get("accepted") or run.manifest("prefer").get("rows", 1)
    lines = []
    for stage, numbers in usage.by_stage.items():
        if not numbers:
            continue
        times = tools / tools_tried if stage == "understand" else recipe.users / min(accepted, recipe.users)
        tried = run.manifest(stage)["extra"].get("asked") if stage != "understand" else None
        tried = tried or asked(numbers)
        whole = {
            "calls": round(tried["replies"] * times),
            "prompt_tokens": round(tried["tokens sent"] * times),
            "completion_tokens": round(tried["tokens written"] * times),
        }
        each = (numbers["seconds"] + numbers["cached_seconds"]) / max(numbers["calls"] + numbers["cached"], 1)
        seconds = None if recipe.llm.batch else round(each * whole["calls"] / recipe.llm.concurrency, 1)
        lines.append({"stage": stage, **whole, "cost_usd": usage.cost(Counter(whole)), "seconds": seconds})
    return lines
