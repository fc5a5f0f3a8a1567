"""Prompts for the rows of an evaluation, made according to its options."""

import hashlib
import json
from collections.abc import Iterable

from rich.console import Console
from rich.progress import track

from petoolbench import render_messages, setting_of
from petoolkit.evaluator.dataset_rows import chosen_settings
from petoolkit.evaluator.models.model import Model, Prompt
from petoolkit.evaluator.options import Options
from petoolkit.evaluator.prompts.window import prompt_for
from petoolkit.released import released_prompts


def released_texts(dataset: str, setting: str, options: Options, revision: str | None) -> dict[str, str]:
    """The authors' own prompts by row id; empty unless `options` ask for them; raises what `released_prompts` does."""
    if options.prompt != "released":
        return {}
    settings = chosen_settings(dataset, setting, revision)
    return {row: text for name in settings for row, text in released_prompts(dataset, name, revision).items()}


def prompt_fingerprint(rows: list[dict], options: Options, released: dict[str, str]) -> str:
    """A hash that changes with the wording of the prompt, 16 hexadecimal digits; made of one prompt per setting."""
    first_rows = {setting_of(row): row for row in reversed(rows)}
    prompts = [
        released.get(row["id"]) or render_messages(row, options.history, native_tools=options.protocol == "tools")
        for row in first_rows.values()
    ]
    return hashlib.sha256(json.dumps(prompts).encode()).hexdigest()[:16]


def make_prompts(
    asked: Iterable[tuple[dict, int]], model: Model, options: Options, released: dict[str, str], console: Console
) -> list[Prompt]:
    """A prompt for each row and number of its repeat, shortened if it does not fit into the window."""
    native_tools = options.protocol == "tools"
    tracked = track(list(asked), "Preparing prompts", console=console, transient=True, disable=not console.is_terminal)
    prompts = []
    for row, repeat in tracked:
        function_tokens = 0
        if native_tools:
            from petoolkit.evaluator.models.openai_model import tokens_of_functions

            function_tokens = tokens_of_functions(row["candidate_tools"])
        prompts.append(
            prompt_for(
                row,
                repeat,
                model.count_tokens,
                options.window - function_tokens,
                history=options.history and bool(row["history"]),  # without any call, no heading either
                truncate=options.truncate,
                released_prompt=released.get(row["id"]),
                native_tools=native_tools,
            )
        )
    return prompts
