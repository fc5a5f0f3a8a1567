"""Whether the training teaches preferences: the paper's Table 1 with a model of a million weights, on two cores.

    python benchmarks/tiny_proof.py                    # two seeds at the same time, in runs/proof/
    python benchmarks/tiny_proof.py --seeds 1 2 3

No pretrained model is needed. A compact controlled benchmark is built of the embedded catalogue: names do not help,
since no training row shows a provider of the test rows' candidates. For each seed, a base model learns to read and to
copy, from rows without preference. Then come SFT, and from there DPO on pairs of the SFT model's own calls, and GRPO.
All models are evaluated, greedily, with and without history, on the test users, who decided nothing before. Whatever
exists already is not made again, so a proof that was stopped goes on.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
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
RECIPES = Path("benchmarks/tiny/recipes")
OUT = Path("runs/proof")
DATA = OUT / "data"
MODELS = {"base": None, "SFT": "sft", "SFT + DPO": "dpo", "SFT + GRPO": "grpo"}
STEPS = (("base", "SFT"), ("SFT", "SFT + DPO"), ("SFT", "SFT + GRPO"))
BLIND = "no-history"
BOOTSTRAP = 1000, 0  # rounds, seed
GREEDY = ("--temperature", "0", "--max-new-tokens", "64", "--counterfactual", BLIND)
SAMPLED = ("--temperature", "1", "--max-new-tokens", "64")  # as GRPO samples what it rewards
# There is one process for each seed, and one thread in each process.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def run(log: Path, made: Path, *command: str | Path) -> None:
    """Run a command, unless the file that it makes exists.

    Raises:
        RuntimeError: if the command fails.
    """
    if made.exists():
        return
    started = time.perf_counter()
    with open(log, "a", encoding="utf-8") as output:
        arguments = [str(part) for part in command]
        failed = subprocess.run(
            [sys.executable, *arguments], stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **ENVIRONMENT}
        ).returncode
        took = f"{time.perf_counter() - started:.0f} s"
        output.write(f"\n[{took}] {' '.join(arguments)}\n")
    if failed:
        raise RuntimeError(f"{' '.join(arguments)} failed; see {log}")
    print(f"  {took:>6}  {made}", flush=True)


def build() -> None:
    """Build the compact benchmark."""
    options = ("--recipe", RECIPES / "build.yaml", "--run", OUT / "data-stages", "--dataset", DATA)
    run(OUT / "log.txt", DATA / "README.md", "-m", "petoolbench_cli", "build", *options)


def train(seed: int, stage: str) -> None:
    """Run one of `SCRIPTS` with its recipe, on what the stages before it made."""
    folder = OUT / f"seed{seed}"
    base, sft, out = folder / "base", folder / "sft", folder / stage
    on_base, on_data, on_sft = ("--model_name_or_path", base), ("--dataset_name", DATA), ("--sft_adapter", sft)
    options: dict[str, tuple[str | Path, ...]] = {
        "base": on_data,
        "sft": (*on_base, *on_data),
        "pairs": ("--model", f"hf:{base}+{sft}", *on_data),
        "dpo": (*on_base, *on_sft, "--dataset_name", folder / "pairs"),
        "grpo": (*on_base, *on_sft, *on_data),
    }
    command = (SCRIPTS[stage], "--config", RECIPES / f"{stage}.yaml", "--output_dir", out, "--seed", str(seed))
    made = out / ("tokenizer_config.json" if stage == "base" else "README.md")
    run(folder / "log.txt", made, *command, *options[stage])


def evaluate(seed: int, model: str, is_sampled: bool = False) -> None:
    """Ask one of `MODELS` all test rows: greedily, with history and without, or for one sampled reply each."""
    folder, adapter, out = OUT / f"seed{seed}", MODELS[model], result_folder(seed, model, is_sampled)
    spec = f"hf:{folder / 'base'}" + (f"+{folder / adapter}" if adapter else "")
    command = ("-m", "petoolbench_cli", "evaluate", "--model", spec, "--dataset", DATA, "--out", out)
    run(folder / "log.txt", out / SCORES, *command, *(SAMPLED if is_sampled else GREEDY))


def train_and_evaluate(seed: int) -> None:
    """Make the four models of a seed, and evaluate each."""
    (OUT / f"seed{seed}").mkdir(parents=True, exist_ok=True)
    for stage in SCRIPTS:
        train(seed, stage)
    for model in MODELS:
        evaluate(seed, model)
    for model in ("SFT", "SFT + GRPO"):
        evaluate(seed, model, is_sampled=True)


def result_folder(seed: int, model: str, is_sampled: bool = False) -> Path:
    """The folder of an evaluation."""
    return OUT / f"seed{seed}" / f"{'sampled' if is_sampled else 'results'}-{MODELS[model] or 'base'}"


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


def read(seed: int, model: str) -> Evaluated:
    """The results of one model."""
    return Evaluated(seed, model, Scores.read(result_folder(seed, model)))


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


def gains(seeds: list[int]) -> str:
    """What each stage added to Tool Acc over all settings."""
    lines = []
    for seed in seeds:
        for before, after in STEPS:
            compared = compare(result_folder(seed, before), result_folder(seed, after))
            gain = compared.differences[ALL][READERS[0]]["tool_acc"]
            shown = f"{points(gain['value'])} ({points(gain['low'])} to {points(gain['high'])})"
            lines.append([seed, f"{before} -> {after}", shown, f"{gain['p_value']:.4f}"])
    return markdown_table(["seed", "step", "points of Tool Acc gained (95 %)", "p"], lines)


def rewards(seeds: list[int]) -> str:
    """The mean reward of the replies to the test rows before GRPO and after it, with the gain's interval."""
    lines = []
    for seed in seeds:
        for is_sampled in (True, False):
            before, after = (rewards_of(result_folder(seed, model, is_sampled)) for model in ("SFT", "SFT + GRPO"))
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


def rewards_of(folder: Path) -> Rewards:
    """The rewards of the replies to the test rows."""
    weights = read_yaml(RECIPES / "grpo.yaml")["reward_weights"]
    results = read_results(folder)
    rows = list(rows_of(results.manifest))
    rewarder = ReplyRewarder(rows)
    replies = {line["id"]: line["reply"] for line in results.predictions}
    read = [rewarder.read(row["id"], replies[row["id"]]) for row in rows]
    given = [sum(w * reward.of(one) for w, reward in zip(weights, REWARDS.values(), strict=True)) for one in read]
    blocks = clusters_of(rows)
    return Rewards(sum(given) / len(given), (np.bincount(blocks, weights=given), np.bincount(blocks).astype(float)))


def training_numbers(seeds: list[int]) -> str:
    """How many rows gave a pair, how DPO changed the rewards of held-out pairs, and GRPO its replies' rewards."""
    lines = []
    for seed in seeds:
        folder = OUT / f"seed{seed}"
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
        axes.set(title=f"seed {seed}", ylabel="Tool Acc (%)", ylim=(0, 100))
        axes.set_xticks(range(len(names)), names)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=len(MODELS))
    figure.savefig(file, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    seeds = parser.parse_args().seeds
    print(heading("The tiny proof", "petoolbench", "torch", "trl", "peft", "transformers"))
    started = time.perf_counter()
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        build()
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as at_once:
            list(at_once.map(train_and_evaluate, seeds))
    except RuntimeError as error:
        sys.exit(f"Error: {error}")
    minutes = (time.perf_counter() - started) / 60
    found = [read(seed, model) for seed in seeds for model in MODELS]
    draw(found, OUT / "table1.png")
    parts = [
        f"\nTool Acc in percent with 95 % intervals, {found[0].scores.rows[ALL]:,} test rows.\n",
        table(found),
        "Right among the tools that do the job (Preference Acc), and pairs of users of a block, both right.\n",
        preferences(found),
        gains(seeds),
        rewards(seeds),
        training_numbers(seeds),
        f"{minutes:.1f} minutes (what existed already was not made again); the picture is {OUT / 'table1.png'}.",
    ]
    print("\n\n".join(parts))


if __name__ == "__main__":
    main()
