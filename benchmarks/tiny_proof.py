"""Whether the training teaches preferences: the paper's Table 1 with models that are trained from nothing.

    python benchmarks/tiny_proof.py                     # 1.5 million weights, on two cores
    python benchmarks/tiny_proof.py --seeds 1 2 3 --out runs/three-seeds
    python benchmarks/tiny_proof.py --recipes benchmarks/tiny/gpu_recipes --out runs/gpu-proof    # 35 million weights

No pretrained model is needed. A controlled benchmark is built of the embedded catalogue: names do not help, since no
training row shows a provider of the test rows' candidates, and its tools have names by lot. For each seed, a base
model learns to read and to copy, from rows without preference. Then come SFT, and from there DPO on pairs of the SFT
model's own calls, and GRPO. All models are evaluated, greedily, with and without history, on the test users, who
decided nothing before. Whatever exists already is not made again, so a proof that was stopped goes on.
"""

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from commands import run
from machine import heading

from petoolbench import SETTINGS
from petoolkit.decoding import read_json, read_yaml
from petoolkit.evaluator.records import SCORES, Difference, Scores
from petoolkit.evaluator.results_folder import read_results, rows_of
from petoolkit.evaluator.scores.bootstrap import clusters_of, difference_intervals
from petoolkit.evaluator.scores.comparison import compare
from petoolkit.replies import READERS
from petoolkit.text import ALL, markdown_table, points, setting_label, with_interval
from petoolkit.training.rewards import REWARDS, ReplyRewarder
from petoolkit.training.training_record import TrainingRecord

STAGES = ("sft", "pairs", "dpo", "grpo")
SCRIPTS = {"base": "benchmarks/tiny/base.py", **{stage: f"trainer/{stage}.py" for stage in STAGES}}
MODELS = {"base": None, "SFT": "sft", "SFT + DPO": "dpo", "SFT + GRPO": "grpo"}
STEPS = (("base", "SFT"), ("SFT", "SFT + DPO"), ("SFT", "SFT + GRPO"))
BLIND = "no-history"
BOOTSTRAP = 1000, 0  # rounds, seed
GREEDY = ("--temperature", "0", "--max-new-tokens", "64", "--counterfactual", BLIND)
SAMPLED = ("--temperature", "1", "--max-new-tokens", "64")  # as GRPO samples what it rewards


class Proof:
    """The folders of a proof, and what makes them.

    Args:
        recipes: the folder of its recipes, one for each of `SCRIPTS` and `build.yaml`.
        out: the folder for all that is made.
        at_once: the most processes side by side.
    """

    def __init__(self, recipes: Path, out: Path, at_once: int):
        self.recipes = recipes
        self.out = out
        self.built = out / "built"
        self.data = out / "data"
        self._free = threading.BoundedSemaphore(at_once)

    def of_seed(self, seed: int) -> Path:
        """The folder of a seed's models and results."""
        return self.out / f"seed{seed}"

    def results(self, seed: int, model: str, is_sampled: bool = False) -> Path:
        """The folder of an evaluation of one of `MODELS`."""
        return self.of_seed(seed) / f"{'sampled' if is_sampled else 'results'}-{MODELS[model] or 'base'}"

    def build(self) -> None:
        """Build the benchmark, and give the tools of its training rows names by lot."""
        options = ("--recipe", self.recipes / "build.yaml", "--run", self.out / "stages", "--dataset", self.built)
        log, card = self.out / "build.log", "README.md"
        self._run(log, self.built / card, "-m", "petoolbench_cli", "build", *options)
        self._run(log, self.data / card, "benchmarks/tiny/exchange_names.py", self.built, self.data)

    def make(self, seed: int) -> None:
        """Make the four models of a seed, and evaluate each.

        Raises:
            RuntimeError: if a command fails. The others that need nothing of it are finished first.
        """
        self.of_seed(seed).mkdir(parents=True, exist_ok=True)
        self._train(seed, "base")
        side_by_side(lambda: self._evaluate(seed, "base"), lambda: self._make_from_base(seed))

    def _make_from_base(self, seed: int) -> None:
        self._train(seed, "sft")
        side_by_side(
            lambda: self._make_by_dpo(seed), lambda: self._make_by_grpo(seed), lambda: self._evaluate_both(seed, "SFT")
        )

    def _make_by_dpo(self, seed: int) -> None:
        self._train(seed, "pairs")
        self._train(seed, "dpo")
        self._evaluate(seed, "SFT + DPO")

    def _make_by_grpo(self, seed: int) -> None:
        self._train(seed, "grpo")
        self._evaluate_both(seed, "SFT + GRPO")

    def _train(self, seed: int, stage: str) -> None:
        """Run one of `SCRIPTS` with its recipe, on what the stages before it made."""
        folder = self.of_seed(seed)
        base, sft, out = folder / "base", folder / "sft", folder / stage
        on_base, on_sft = ("--model_name_or_path", base), ("--sft_adapter", sft)
        on_data = ("--dataset_name", self.data)
        options: dict[str, tuple[str | Path, ...]] = {
            "base": ("--dataset_name", self.built),  # which gives its rows names by lot, too
            "sft": (*on_base, *on_data),
            "pairs": ("--model", f"hf:{base}+{sft}", *on_data),
            "dpo": (*on_base, *on_sft, "--dataset_name", folder / "pairs"),
            "grpo": (*on_base, *on_sft, *on_data),
        }
        recipe = self.recipes / f"{stage}.yaml"
        command = (SCRIPTS[stage], "--config", recipe, "--output_dir", out, "--seed", str(seed))
        made = out / ("model.safetensors" if stage == "base" else "README.md")
        self._run(folder / f"{stage}.log", made, *command, *options[stage])

    def _evaluate(self, seed: int, model: str, is_sampled: bool = False) -> None:
        """Ask one of `MODELS` all test rows: greedily, with history and without, or for one sampled reply each."""
        folder, adapter, out = self.of_seed(seed), MODELS[model], self.results(seed, model, is_sampled)
        spec = f"hf:{folder / 'base'}" + (f"+{folder / adapter}" if adapter else "")
        command = ("-m", "petoolbench_cli", "evaluate", "--model", spec, "--dataset", self.data, "--out", out)
        self._run(folder / f"{out.name}.log", out / SCORES, *command, *(SAMPLED if is_sampled else GREEDY))

    def _evaluate_both(self, seed: int, model: str) -> None:
        side_by_side(lambda: self._evaluate(seed, model), lambda: self._evaluate(seed, model, is_sampled=True))

    def _run(self, log: Path, made: Path, *command: str | Path) -> None:
        with self._free:
            run(log, made, *command)


def side_by_side(*branches: Callable[[], None]) -> None:
    """Run branches of a proof at the same time; an error of one is raised when all have ended."""
    with ThreadPoolExecutor(max_workers=len(branches)) as at_once:
        begun = [at_once.submit(branch) for branch in branches]
    for each in begun:
        each.result()


@dataclass(frozen=True)
class Evaluated:
    """One model of one seed.

    Args:
        seed: of the model.
        model: one of `MODELS`.
        scores: on the test users.
    """

    seed: int
    model: str
    scores: Scores

    def share(self, metric: str, setting: str = ALL) -> float:
        """A score of the robust reader, in percent."""
        return 100 * (self.scores.score(setting, metric).value or 0.0)

    @property
    def same_function(self) -> float:
        """Percent of the calls that are of a tool that does the job."""
        return 100 - self.share("IF") - self.share("TH") - self.share("TFM")


def table(found: list[Evaluated]) -> str:
    """Table 1's ablation: Tool Acc in percent with 95 % intervals, and what it is made of."""
    lines = [
        [
            one.seed,
            one.model,
            *(with_interval(one.scores.score(setting, "tool_acc")) for setting in (*SETTINGS, ALL)),
            f"{100 - one.share('IF'):.1f}",
            f"{one.same_function:.1f}",
            f"{one.share('param_acc'):.1f}",
        ]
        for one in found
    ]
    heads = ["seed", "model", *map(setting_label, (*SETTINGS, ALL)), "valid format", "same function", "Param Acc"]
    return markdown_table(heads, lines)


def preferences(found: list[Evaluated]) -> str:
    """How well the calls that do the job follow the user's preference, with history and without."""
    lines = []
    for one in found:
        pairs = one.scores.pairs[ALL]
        gain = one.scores.history_gain[ALL]
        lines.append(
            [
                one.seed,
                one.model,
                *(with_interval(one.scores.score(setting, "preference_acc")) for setting in (*SETTINGS, ALL)),
                with_interval(one.scores.counterfactual_scores[BLIND][ALL].own),
                _points_with_interval(gain),
                with_interval(pairs.score),
            ]
        )
    heads = ["seed", "model", *map(setting_label, (*SETTINGS, ALL))]
    return markdown_table([*heads, "without history", "gain by history, points", "pairs, both right"], lines)


def _points_with_interval(difference: Difference) -> str:
    if difference.value is None:
        return "\N{EN DASH}"
    low, high = (points(end) if end is not None else "?" for end in (difference.low, difference.high))
    return f"{points(difference.value)} ({low} to {high})"


def gains(proof: Proof, seeds: list[int]) -> str:
    """What each stage added to Tool Acc over all settings."""
    lines = []
    for seed in seeds:
        for before, after in STEPS:
            compared = compare(proof.results(seed, before), proof.results(seed, after))
            gain = compared.differences[ALL][READERS[0]]["tool_acc"]
            shown = f"{points(gain['value'])} ({points(gain['low'])} to {points(gain['high'])})"
            lines.append([seed, f"{before} -> {after}", shown, f"{gain['p_value']:.4f}"])
    return markdown_table(["seed", "step", "points of Tool Acc gained (95 %)", "p"], lines)


def rewards(proof: Proof, seeds: list[int]) -> str:
    """The mean reward of the replies to the test rows before GRPO and after it, with the gain's interval."""
    lines = []
    for seed in seeds:
        for is_sampled in (True, False):
            models = "SFT", "SFT + GRPO"
            before, after = (rewards_of(proof, proof.results(seed, model, is_sampled)) for model in models)
            low, high = difference_intervals(after.sums, before.sums, *BOOTSTRAP)
            gain = f"{after.mean - before.mean:+.3f} ({low:+.3f} to {high:+.3f})"
            replies = "sampled at temperature 1" if is_sampled else "greedy"
            lines.append([seed, replies, f"{before.mean:.3f}", f"{after.mean:.3f}", gain])
    return markdown_table(["seed", "replies", "mean reward after SFT", "after GRPO", "gained (95 %)"], lines)


class Rewards(NamedTuple):
    """The rewards of an evaluation's replies, weighted as GRPO's recipe weighs them.

    Args:
        mean: over rows.
        sums: (blocks,) of rewards, and the number of rows.
    """

    mean: float
    sums: tuple[np.ndarray, np.ndarray]


def rewards_of(proof: Proof, folder: Path) -> Rewards:
    """The rewards of an evaluation's replies to the test rows."""
    weights = read_yaml(proof.recipes / "grpo.yaml")["reward_weights"]
    results = read_results(folder)
    rows = list(rows_of(results.manifest))
    rewarder = ReplyRewarder(rows)
    replies = {line["id"]: line["reply"] for line in results.predictions}
    read = [rewarder.read(row["id"], replies[row["id"]]) for row in rows]
    given = [sum(w * reward.of(one) for w, reward in zip(weights, REWARDS.values(), strict=True)) for one in read]
    blocks = clusters_of(rows)
    return Rewards(sum(given) / len(given), (np.bincount(blocks, weights=given), np.bincount(blocks).astype(float)))


def training_numbers(proof: Proof, seeds: list[int]) -> str:
    """How many rows gave a pair, how DPO changed the rewards of held-out pairs, and GRPO its replies' rewards."""
    lines = []
    for seed in seeds:
        folder = proof.of_seed(seed)
        counts = read_json(folder / "pairs" / "pairs.json")[ALL]
        dpo, grpo = (TrainingRecord.read(folder / stage).numbers for stage in ("dpo", "grpo"))
        margins = [dpo[f"eval_rewards/margins, {which} logged"] for which in ("first", "last")]
        rewards = [grpo[f"reward, {which} logged"] for which in ("first", "last")]
        shown = [f"{number:.3f}" for number in (*margins, *rewards)]
        lines.append([seed, counts["rows"], counts["pairs"], *shown])
    heads = ["seed", "rows sampled for pairs", "pairs", "DPO's margin on held-out pairs, first", "last"]
    return markdown_table([*heads, "mean reward of GRPO's replies, first", "last"], lines)


def draw(found: list[Evaluated], file: Path) -> None:
    """Draw Tool Acc by setting and model, with intervals, in a panel for each seed."""
    from matplotlib.figure import Figure

    seeds = sorted({one.seed for one in found})
    names = [setting_label(setting).replace("-", "\n") for setting in (*SETTINGS, ALL)]
    figure = Figure(figsize=(5.5 * len(seeds), 4), layout="constrained")
    for axes, seed in zip(figure.subplots(1, len(seeds), squeeze=False, sharey=True)[0], seeds, strict=True):
        for number, one in enumerate(one for one in found if one.seed == seed):
            scores = [one.scores.score(setting, "tool_acc") for setting in (*SETTINGS, ALL)]
            values, low, high = zip(*((score.value, score.low, score.high) for score in scores), strict=True)
            errors = [
                [100 * (value - end) for value, end in zip(values, low, strict=True)],
                [100 * (end - value) for value, end in zip(values, high, strict=True)],
            ]
            positions = [group + 0.2 * (number - 1.5) for group in range(len(scores))]
            heights = [100 * value for value in values]
            axes.bar(positions, heights, 0.18, yerr=errors, label=one.model, error_kw={"linewidth": 0.8})
        for group, setting in enumerate((*SETTINGS, ALL)):
            chance = 100 * one.scores.chance[setting]["tool_acc"]
            axes.hlines(chance, group - 0.45, group + 0.45, "black", "dotted", label=None if group else "chance")
        axes.set(title=f"seed {seed}", ylabel="Tool Acc (%)", ylim=(0, 100))
        axes.set_xticks(range(len(names)), names)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=1 + len(MODELS))
    figure.savefig(file, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--recipes", type=Path, default=Path("benchmarks/tiny/recipes"), help="a folder of recipes")
    parser.add_argument("--out", type=Path, default=Path("runs/proof"), help="the folder for data, models and results")
    parser.add_argument("--at-once", type=int, default=os.cpu_count(), help="the most processes side by side")
    options = parser.parse_args()
    seeds = options.seeds
    proof = Proof(options.recipes, options.out, options.at_once)
    print(heading("The tiny proof", "petoolbench", "torch", "trl", "peft", "transformers"))
    started = time.perf_counter()
    proof.out.mkdir(parents=True, exist_ok=True)
    try:
        proof.build()
        side_by_side(*(partial(proof.make, seed) for seed in seeds))
    except RuntimeError as error:
        sys.exit(f"Error: {error}")
    minutes = (time.perf_counter() - started) / 60
    found = [Evaluated(seed, model, Scores.read(proof.results(seed, model))) for seed in seeds for model in MODELS]
    draw(found, proof.out / "table1.png")
    parts = [
        f"\nTool Acc in percent with 95 % intervals, {found[0].scores.rows[ALL]:,} test rows.\n",
        table(found),
        "Right among the tools that do the job (Preference Acc), and pairs of users of a block, both right.\n",
        preferences(found),
        gains(proof, seeds),
        rewards(proof, seeds),
        training_numbers(proof, seeds),
        f"{minutes:.1f} minutes (what existed already was not made again); the picture is {proof.out / 'table1.png'}.",
    ]
    print("\n\n".join(parts))


if __name__ == "__main__":
    main()
