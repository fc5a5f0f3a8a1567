"""Whether the training teaches preferences: the paper's Table 1 with a model of a million weights, on two cores.

    python benchmarks/tiny_proof.py                    # two seeds at the same time, in runs/proof/
    python benchmarks/tiny_proof.py --seeds 1 2 3

No pretrained model is needed. A compact controlled benchmark is built of the embedded catalogue: names do not help,
since no training row shows a provider of the test rows' candidates. For each seed, a base model learns the format and
to copy, from rows without preference. Then come SFT, pairs of the SFT model's own calls and DPO, and DPO without SFT.
All models are evaluated, greedily, on the test users, who decided nothing before. Whatever exists already is not made
again, so a proof that was stopped goes on.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from machine import heading

from petoolbench import SETTINGS
from petoolkit.decoding import read_json
from petoolkit.evaluator.records import SCORES, Scores
from petoolkit.evaluator.results_folder import read_results, rows_of
from petoolkit.evaluator.scores.comparison import compare
from petoolkit.replies import READERS
from petoolkit.text import ALL, markdown_table, points, setting_label, with_interval
from petoolkit.training.training_record import TrainingRecord

SCRIPTS = {"base": "benchmarks/tiny/base.py", **{stage: f"trainer/{stage}.py" for stage in ("sft", "pairs", "dpo")}}
RECIPES = Path("benchmarks/tiny/recipes")
OUT = Path("runs/proof")
DATA = OUT / "data"
MODELS = {"base": None, "SFT": "sft", "SFT + DPO": "dpo", "DPO only": "dpo-without-sft"}
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


def train_and_evaluate(seed: int) -> None:
    """Make the four models of a seed, and evaluate each."""
    folder = OUT / f"seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / "base"

    def stage(script: str, recipe: str, made: str, *options: str | Path) -> None:
        out = folder / recipe
        command = (SCRIPTS[script], "--config", RECIPES / f"{recipe}.yaml", "--output_dir", out)
        run(folder / "log.txt", out / made, *command, "--seed", str(seed), *options)

    on_base, on_data = ("--model_name_or_path", base), ("--dataset_name", DATA)
    stage("base", "base", "tokenizer_config.json", *on_data)
    stage("sft", "sft", "README.md", *on_base, *on_data)
    stage("pairs", "pairs", "README.md", "--model", f"hf:{base}+{folder / 'sft'}", *on_data)
    stage("dpo", "dpo", "README.md", *on_base, "--sft_adapter", folder / "sft", "--dataset_name", folder / "pairs")
    stage("pairs", "pairs-without-sft", "README.md", "--model", f"hf:{base}", *on_data)
    stage("dpo", "dpo-without-sft", "README.md", *on_base, "--dataset_name", folder / "pairs-without-sft")
    for name, adapter in MODELS.items():
        spec = f"hf:{base}" + (f"+{folder / adapter}" if adapter else "")
        out = result_folder(seed, name)
        command = ("-m", "petoolbench_cli", "evaluate", "--model", spec, "--dataset", DATA, "--out", out)
        run(folder / "log.txt", out / SCORES, *command, "--temperature", "0", "--max-new-tokens", "96")


def result_folder(seed: int, model: str) -> Path:
    """The folder of an evaluation."""
    return OUT / f"seed{seed}" / f"results-{MODELS[model] or 'base'}"


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


def ceiling(seed: int) -> float:
    """Tool Acc in percent of a model that knows which tools do the job and does not read the history: 1 / k."""
    rows = rows_of(read_results(result_folder(seed, "base")).manifest)
    return 100 * sum(1 / len(row["same_function_tools"]) for row in rows) / len(rows)


def table(found: list[Evaluated]) -> str:
    """Table 1's ablation: Tool Acc in percent with 95 % intervals, and what the base had to learn."""
    lines = [
        [
            one.seed,
            one.model,
            *(with_interval(one.scores.score(setting, "tool_acc")) for setting in (*SETTINGS, ALL)),
            f"{one.share('param_acc'):.1f}",
            f"{100 - one.share('IF'):.1f}",
            f"{one.same_function:.1f}",
        ]
        for one in found
    ]
    heads = ["seed", "model", *map(setting_label, (*SETTINGS, ALL)), "Param Acc", "valid format", "same function"]
    return markdown_table(heads, lines)


def gain_of(seed: int, before: str, after: str) -> dict:
    """Tool Acc that one model has more than another over all settings, paired by row, with interval and p-value."""
    compared = compare(result_folder(seed, before), result_folder(seed, after))
    return compared.differences[ALL][READERS[0]]["tool_acc"]


def gains(seeds: list[int]) -> str:
    """What each stage added."""
    lines = []
    for seed in seeds:
        for before, after in (("base", "SFT"), ("SFT", "SFT + DPO"), ("base", "DPO only")):
            gain = gain_of(seed, before, after)
            shown = f"{points(gain['value'])} ({points(gain['low'])} to {points(gain['high'])})"
            lines.append([seed, f"{before} -> {after}", shown, f"{gain['p_value']:.4f}"])
    return markdown_table(["seed", "step", "points gained (95 %)", "p"], lines)


def pairs_and_margins(seeds: list[int]) -> str:
    """How many rows gave a pair, and how DPO changed the rewards of pairs that it was not trained on."""
    lines = []
    for seed in seeds:
        for pairs, dpo in (("pairs", "dpo"), ("pairs-without-sft", "dpo-without-sft")):
            counts = read_json(OUT / f"seed{seed}" / pairs / "pairs.json")[ALL]
            numbers = TrainingRecord.read(OUT / f"seed{seed}" / dpo).numbers
            rewards = [
                numbers[f"eval_rewards/{name}, {which} logged"]
                for name in ("margins", "accuracies")
                for which in ("first", "last")
            ]
            shown = [f"{number:.3f}" for number in (numbers["loss, first logged"], *rewards)]
            lines.append([seed, dpo, counts["rows"], counts["pairs"], *shown])
    heads = ["seed", "DPO", "rows", "pairs", "first loss", "margin on held-out pairs, first", "last"]
    return markdown_table([*heads, "chosen ahead, first", "last"], lines)


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
        f"\nTool Acc in percent with 95 % intervals, {found[0].scores.rows[ALL]:,} test rows. Who knows the tools "
        f"that do the job and does not read the history gets {ceiling(seeds[0]):.1f}.\n",
        table(found),
        gains(seeds),
        pairs_and_margins(seeds),
        f"{minutes:.1f} minutes (what existed already was not made again); the picture is {OUT / 'table1.png'}.",
    ]
    print("\n\n".join(parts))


if __name__ == "__main__":
    main()
