"""The prompt that a model was sent for a row, made again of the row and the evaluation's options."""

import json
from dataclasses import dataclass

from petoolbench import SETTINGS, InputError, setting_of
from petoolkit.evaluator.counterfactuals.row_changes import with_order
from petoolkit.evaluator.history_methods.method_table import parse_history_method
from petoolkit.evaluator.history_methods.shown_rows import HistoryView, ShownRow
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.evaluator.options import Options
from petoolkit.evaluator.prompts.row_prompts import prompt_fingerprint
from petoolkit.evaluator.prompts.window import shown_messages
from petoolkit.evaluator.records import Manifest
from petoolkit.explorer.content import Content
from petoolkit.explorer.judged_evaluations import JudgedEvaluation
from petoolkit.released import released_prompts
from petoolkit.text import ALL, counted


@dataclass(frozen=True)
class PromptView:
    """A prompt, and what is to be known of it.

    Args:
        messages: each with `role` and `content`; empty for a model that is not sent a prompt.
        functions: native functions that were sent with it, as JSON text; empty where none were.
        notes: sentences.
    """

    messages: list[dict[str, str]]
    functions: str
    notes: list[str]


def prompt_view(content: Content, row: dict, evaluation: JudgedEvaluation, line: dict) -> PromptView:
    """The prompt of one row, as today's code writes it.

    Args:
        content: that holds the row.
        row: of the dataset, or of a counterfactual.
        evaluation: of the model that was asked.
        line: of `predictions.jsonl` about the row.
    """
    options = evaluation.manifest.options.model_dump()
    if "window" not in options:
        return PromptView([], "", [f"{evaluation.name} reads the row itself, and is not sent a prompt."])
    native = options.get("protocol") == "tools"
    dropped = line.get("dropped_interactions") or 0
    notes = ["Without the marks that a chat template adds."] if evaluation.manifest.chat_template_hash else []
    if dropped:
        left_out = f"leaves out the {counted(dropped, 'oldest past call')}"
        notes.append(f"To fit into {options['window']:,} tokens, the prompt {left_out}.")
    if line.get("over_window"):
        notes.append(f"Even so it does not fit into {options['window']:,} tokens.")
    if line.get("cut"):
        notes.append(f"What follows the first {options['window']:,} tokens was cut off; here is the whole text.")
    if not _is_todays_wording(content, evaluation.manifest):
        notes.append("The prompt's wording was another one when this model was asked; this is today's.")
    if options.get("prompt") == "released":
        return PromptView(_released(content, row), "", notes)
    if "shown_calls" in line:
        shown = ShownRow(with_order(row, line["shown_calls"]))
    else:
        view = HistoryView(parse_history_method(evaluation.manifest.options.history), evaluation.memories)
        (shown,) = view.of([{**row, "id": line.get("id", row["id"])}])
    if shown.error:
        notes.append("What was shown instead of past calls is not kept in the evaluation's folder.")
    messages = shown_messages({**shown.row, "history": shown.row["history"][dropped:]}, shown.text, native)
    functions = json.dumps(NativeTools(row["candidate_tools"]).functions(), indent=1, ensure_ascii=False)
    return PromptView(messages, functions if native else "", notes)


def _released(content: Content, row: dict) -> list[dict[str, str]]:
    """The authors' own prompt; raises `InputError` if the dataset does not have it."""
    text = released_prompts(content.dataset, setting_of(row), content.revision).get(row["id"])
    if text is None:
        raise InputError(f"{content.title} does not have the released prompt of {row['id']}.")
    return [{"role": "system", "content": text}, {"role": "user", "content": row["instruction"]}]


def _is_todays_wording(content: Content, manifest: Manifest) -> bool:
    """Whether today's prompts have the hash that the manifest keeps; true of prompts that are not ours."""
    options = manifest.options.model_dump()
    if manifest.prompt_fingerprint is None or options.get("prompt") == "released":
        return True
    index = content.index
    asked = [part for part in index.parts if part.split == manifest.split and manifest.setting in (ALL, part.config)]
    first_rows = [index.row(part.start) for part in asked if part.config in SETTINGS]
    now = Options(history=manifest.options.history, protocol=options.get("protocol", "prompt"))
    return prompt_fingerprint(first_rows[::-1], now, {}) == manifest.prompt_fingerprint
