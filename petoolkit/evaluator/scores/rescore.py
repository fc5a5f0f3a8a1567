"""Scoring the stored replies of an evaluation, at its end and by the command `petoolbench score`; no model runs."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from petoolbench import InputError
from petoolkit.endpoint.llm_settings import Prices
from petoolkit.endpoint.usage import Usage
from petoolkit.engines.engine import HERE, Engine
from petoolkit.evaluator.counterfactuals.changed_rows import ChangedRows
from petoolkit.evaluator.dataset_rows import load_split_if_any
from petoolkit.evaluator.history_methods.memories import Memory, read_memories
from petoolkit.evaluator.models.baselines import BASELINES, predict
from petoolkit.evaluator.records import Manifest, Scores
from petoolkit.evaluator.results_folder import Results, changed_rows_of, read_results, rows_of
from petoolkit.evaluator.scores.judgements import judge
from petoolkit.evaluator.scores.preference import preference_scores
from petoolkit.evaluator.scores.score import best_rule, metric_values, scores_of
from petoolkit.evaluator.usage_records import MemoryUsage, ReplyUsage
from petoolkit.progress_bars import at_work

_CUT_BELOW = 0.7  # a prompt of which a smaller share was read was cut; lengths of texts in tokens vary less
_LOWEST_SCALE = 0.85  # tokens of a prompt as a share of our estimate, of which there are 3.8 characters each


def score_folder(
    folder: Path,
    console: Console,
    rows: Sequence[dict] | None = None,
    engine: Engine = HERE,
    changed: Mapping[str, ChangedRows] | None = None,
) -> Scores:
    """Score the stored replies of an evaluation, and write `scores.json`.

    Args:
        folder: the evaluation's folder.
        console: for messages.
        rows: the rows of the evaluation; by default, they are read again.
        engine: asks the rules that a model is compared with.
        changed: the rows of the evaluation's counterfactuals; by default, they are made again.

    Raises:
        InputError: if the folder does not hold an evaluation, or its dataset has changed since the evaluation.
    """
    results = read_results(folder)
    rows = rows_of(results.manifest) if rows is None else rows
    counterfactuals = results.manifest.counterfactuals
    if changed is None or changed.keys() != counterfactuals.keys():
        changed = changed_rows_of(results.manifest, rows)
    changed = {name: changed[name] for name in counterfactuals}
    with at_work(console, "Scoring"):
        repeats = results.manifest.options.repeat
        judged = judge(rows, results.predictions, repeats)
        found = scores_of(rows, judged)
        found |= preference_scores(rows, judged, changed, results.of_counterfactuals, repeats)
        best = {} if results.manifest.is_rule else best_rule(_rule_values(rows, results.manifest, console, engine))
    scores = Scores(
        **results.manifest.model_dump(exclude={"left_out", "length_option"}),
        **found,
        best_rule=best,
        usage=_usage(results, read_memories(folder).values()),
        **sent_otherwise(results),
        cut_prompts=_cut_prompts(results),
    )
    scores.write(folder)
    return scores


def _rule_values(rows: Sequence[dict], manifest: Manifest, console: Console, engine: Engine) -> dict[str, dict]:
    """Metric values of the rules on the same rows; a rule that cannot run is left out, and a message names it."""
    names = [name for name, rule in BASELINES.items() if not rule.is_oracle]
    found = {}
    for number, values in engine.run(_ValuesOfRule(manifest, rows), names):
        if isinstance(values, str):
            message = f"baseline:{names[number]} is left out of the scores: {values}"
            console.print(message, style="dim", markup=False, highlight=False)
        else:
            found[names[number]] = values
    return found


class _ValuesOfRule:
    """Metric values of a rule by its name, or why it cannot run. Another process reads the rows itself."""

    def __init__(self, manifest: Manifest, rows: Sequence[dict] | None):
        self._manifest, self._rows = manifest, rows

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_rows": None}

    def __call__(self, name: str) -> dict | str:
        manifest = self._manifest
        rows = self._rows = rows_of(manifest) if self._rows is None else self._rows

        def train_rows() -> Sequence[dict]:
            return load_split_if_any(manifest.dataset, manifest.setting, "train", manifest.revision)

        try:
            replies = predict(name, rows, train_rows, seed=0)
        except InputError as error:
            return str(error)
        predictions = ({"id": row["id"], "repeat": 0, "reply": r} for row, r in zip(rows, replies, strict=True))
        return metric_values(rows, predictions)


def sent_otherwise(results: Results) -> dict[str, Any]:
    """The fields `left_out` and `length_option` of `Manifest`: options that the endpoint takes otherwise."""
    left_out: set[str] = set()
    length_option = None
    for line in results.all_predictions:
        left_out.update(line.get("left_out") or ())
        length_option = length_option or line.get("length_option")
    return {"left_out": sorted(left_out), "length_option": length_option}


def _cut_prompts(results: Results) -> int | None:
    """Number of prompts of which the endpoint read far fewer tokens than we estimate that they have.

    The estimate is scaled by this model's own tokens of a prompt, up to the highest tenth.
    """
    counts = [
        (line["prompt_tokens"], line["estimated_prompt_tokens"])
        for line in results.predictions
        if line.get("prompt_tokens") and line.get("estimated_prompt_tokens")
    ]
    if not counts:
        return None
    read, estimated = np.array(counts, dtype=float).T
    scale = max(float(np.quantile(read / estimated, 0.9)), _LOWEST_SCALE)
    return int((read < _CUT_BELOW * scale * estimated).sum())


def _usage(results: Results, memories: Collection[Memory]) -> ReplyUsage:
    tokens: dict[str, int | None] = dict.fromkeys(("prompt_tokens", "completion_tokens"))
    discarded: Counter[str] = Counter()
    seconds = []
    for line in results.all_predictions:
        if line.get("seconds") is not None:
            seconds.append(line["seconds"])
        for key in tokens:
            if line.get(key) is not None:
                tokens[key] = (tokens[key] or 0) + line[key]
            discarded[key] += line.get(f"discarded_{key}") or 0
    tokens = {key: None if number is None else number + discarded[key] for key, number in tokens.items()}
    return ReplyUsage(
        **tokens,
        median_seconds=float(np.median(seconds)) if seconds else None,
        p95_seconds=float(np.percentile(seconds, 95)) if seconds else None,
        cost_usd=_cost(tokens, results.manifest),
        memory=_memory_usage(memories, results.manifest) if memories else None,
    )


def _memory_usage(memories: Collection[Memory], manifest: Manifest) -> MemoryUsage:
    tokens: dict[str, int | None] = {}
    for key in ("prompt_tokens", "completion_tokens"):
        known = [number for memory in memories if (number := getattr(memory, key)) is not None]
        tokens[key] = sum(known) if known else None
    return MemoryUsage(
        calls=len(memories),
        **tokens,
        seconds=sum(memory.seconds or 0 for memory in memories),
        cost_usd=_cost(tokens, manifest) if tokens["prompt_tokens"] is not None else None,
        cut=sum(memory.cut for memory in memories),
    )


def _cost(tokens: Mapping[str, int | None], manifest: Manifest) -> float | None:
    usage = Usage(Prices(**manifest.prices) if manifest.prices else None)
    usage.count(**{key: number for key, number in tokens.items() if number})
    return usage.cost(usage.total)
