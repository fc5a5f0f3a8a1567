"""Prompts for the rows of an evaluation, made according to its options."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from petoolbench import render_messages
from petoolkit.evaluator.dataset_rows import chosen_settings
from petoolkit.evaluator.history_methods.method_table import FULL, NONE
from petoolkit.evaluator.history_methods.shown_rows import ShownRow
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


def prompt_fingerprint(rows: Iterable[dict], options: Options, released: dict[str, str]) -> str:
    """A hash that changes with the wording of the prompt and with the history method, 16 hexadecimal digits.

    Args:
        rows: the first row of each setting, the last setting first.
        options: of the evaluation.
        released: the authors' own prompts by row id.
    """
    prompts: list = [
        released.get(row["id"])
        or render_messages(row, options.history != NONE, native_tools=options.protocol == "tools")
        for row in rows
    ]
    if options.history not in (FULL, NONE):
        prompts.append(options.history)
    return hashlib.sha256(json.dumps(prompts).encode()).hexdigest()[:16]


def make_prompts(
    asked: Iterable[tuple[ShownRow, int]], model: Model, options: Options, released: dict[str, str]
) -> Iterator[Prompt]:
    """A prompt for each row and number of its repeat, shortened if it does not fit into the window."""
    native_tools = options.protocol == "tools"
    for shown, repeat in asked:
        row = shown.row
        prompt = prompt_for(
            row,
            repeat,
            partial(model.count_tokens, candidate_tools=row["candidate_tools"]),
            options.window,
            text=shown.text,
            truncate=options.truncate,
            released_prompt=released.get(row["id"]),
            native_tools=native_tools,
        )
        dropped = shown.dropped or prompt.dropped_interactions
        yield replace(prompt, dropped_interactions=dropped, shown_calls=shown.retrieved)
