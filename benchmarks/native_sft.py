"""Whether SFT learns the same of rows in text and of the same rows as native function calls, from one small Llama.

    python benchmarks/native_sft.py                  # in runs/native/

No pretrained model is needed. A base model learns to read and to copy, half of its prompts in each format, from rows
without preference (see benchmarks/tiny/base.py). Then come SFT with `format: text` and with `format: tools`, on the
same rows, with the same steps and options, and an evaluation of each in its format, greedily, on the same test rows,
whose providers and functions no training row has. Whatever exists already is not made again.
"""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from commands import run
from machine import heading

from petoolkit.evaluator.models.trained_chat import FORMATS, TEXT, TOOLS
from petoolkit.evaluator.records import SCORES, Scores
from petoolkit.evaluator.scores.comparison import compare
from petoolkit.replies import READERS
from petoolkit.text import ALL, markdown_table, points, with_interval

OUT = Path("runs/native")
BUILT, DATA, BASE, LOG = OUT / "built", OUT / "data", OUT / "base", OUT / "log.txt"
RECIPES = Path("benchmarks/tiny/recipes")
PROTOCOLS = {TEXT: "prompt", TOOLS: "tools"}


def make_base(steps: int, seed: int) -> None:
    """Build the benchmark, and train the base model on both formats."""
    folders = ("--run", OUT / "stages", "--dataset", BUILT)
    run(LOG, BUILT / "README.md", "-m", "petoolbench_cli", "build", "--recipe", RECIPES / "build.yaml", *folders)
    run(LOG, DATA / "README.md", "benchmarks/tiny/exchange_names.py", BUILT, DATA)
    options = ("--config", RECIPES / "base.yaml", "--dataset_name", BUILT, "--output_dir", BASE, "--seed", str(seed))
    more = ("--formats", *FORMATS, "--max_steps", str(steps), "--requests", "6", "--alike_weight", "2")
    run(LOG, BASE / "model.safetensors", "benchmarks/tiny/base.py", *options, *more)


def train_and_evaluate(form: str, steps: int, seed: int) -> None:
    """SFT in one format, and the evaluation of its adapter."""
    out, results = OUT / f"sft-{form}", OUT / f"results-{form}"
    recipe = ("--config", RECIPES / "sft.yaml", "--format", form, "--seed", str(seed), "--max_steps", str(steps))
    models = ("--model_name_or_path", BASE, "--dataset_name", DATA, "--output_dir", out)
    run(LOG, out / "README.md", "trainer/sft.py", *recipe, *models)
    model = ("--model", f"hf:{BASE}+{out}", "--dataset", DATA, "--out", results)
    asked = ("--protocol", PROTOCOLS[form], "--temperature", "0", "--max-new-tokens", "64")
    run(LOG, results / SCORES, "-m", "petoolbench_cli", "evaluate", *model, *asked)


def table() -> str:
    """What each format scores, and their difference."""
    lines = []
    for form in FORMATS:
        scores = Scores.read(OUT / f"results-{form}")
        share = {name: 100 * (scores.score(ALL, name).value or 0.0) for name in ("IF", "TH", "TFM", "param_acc")}
        lines.append(
            [
                form,
                f"{scores.usage.prompt_tokens or 0:,}",
                f"{100 - share['IF']:.1f}",
                with_interval(scores.score(ALL, "tool_acc")),
                f"{100 - share['IF'] - share['TH'] - share['TFM']:.1f}",
                f"{share['param_acc']:.1f}",
            ]
        )
    difference = compare(*(OUT / f"results-{form}" for form in FORMATS)).differences[ALL][READERS[0]]["tool_acc"]
    heads = ["format", "tokens of all prompts", "valid form", "Tool Acc (95 %)", "same function", "Param Acc"]
    shown = f"{points(difference['value'])} ({points(difference['low'])} to {points(difference['high'])})"
    return f"{markdown_table(heads, lines)}\n\nTool Acc of {TOOLS}, less that of {TEXT}, by row: {shown} points."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-steps", type=int, default=6_000, help="of the base model (6000)")
    parser.add_argument("--steps", type=int, default=900, help="of each SFT (900)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(heading("SFT in text and as native calls", "petoolbench", "torch", "trl", "peft", "transformers"))
    started = time.perf_counter()
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        make_base(options.base_steps, options.seed)
        with ThreadPoolExecutor(max_workers=len(FORMATS)) as at_once:
            list(at_once.map(lambda form: train_and_evaluate(form, options.steps, options.seed), FORMATS))
    except RuntimeError as error:
        sys.exit(f"Error: {error}")
    rows = Scores.read(OUT / f"results-{TEXT}").rows[ALL]
    print(f"\n{rows:,} test rows; shares in percent.\n\n{table()}\n")
    print(f"{(time.perf_counter() - started) / 60:.0f} minutes (what existed already was not made again)")


if __name__ == "__main__":
    main()
