"""Measure steps of GRPO: TRL's plain ones, and those of this project, which read a prompt once for all its replies.

    python benchmarks/grpo_steps.py

Rows and model are those of benchmarks/training.py: prompts of about 3,000 tokens of the authors' released part, and a
Llama of random weights, which writes as many tokens as it may. Times are of this process, on one thread, so that other
load on the machine hardly matters. The learning rate is 0, so all steps are at the same weights.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from machine import heading
from training import ROOT, write_rows

PROMPTS, REPLIES, REPLY_TOKENS, WARM_UP = 1, 8, 64, 1
# Rewards that differ between replies, so that there is a gradient; what they are does not matter to the time.
REWARDS = [0.0, 1.0]


def measure(folder: Path, is_fast: bool, steps: int) -> tuple[float, float]:
    """Median seconds of sampling and rewarding a batch, and of a whole step.

    Args:
        folder: that `write_rows` filled.
        is_fast: whether prompts are shared.
        steps: number of steps to time.
    """
    import json

    from datasets import Dataset
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from petoolkit.training.arguments import GRPOArguments
    from petoolkit.training.grpo_fast_steps import FastGRPOTrainer

    sampling, whole = [], []

    class TimedTrainer(FastGRPOTrainer):
        def _generate_and_score_completions(self, inputs: Any) -> Any:
            begun = time.process_time()
            scored = super()._generate_and_score_completions(inputs)
            sampling.append(time.process_time() - begun)
            return scored

        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            begun = time.process_time()
            loss = super().training_step(*args, **kwargs)
            whole.append(time.process_time() - begun)
            return loss

    def reward(completions: list[str], **_: Any) -> list[float]:
        return [REWARDS[number % 2] for number in range(len(completions))]

    rows = json.loads((folder / "rows.json").read_text())
    base = AutoModelForCausalLM.from_pretrained(folder / "model")
    trainer = TimedTrainer(
        model=PeftModel.from_pretrained(base, folder / "adapter", is_trainable=True),
        reward_funcs=[reward],
        args=GRPOArguments(
            output_dir=str(folder / "run"),
            share_prompt=is_fast,
            learning_rate=0.0,
            num_generations=REPLIES,
            max_completion_length=REPLY_TOKENS,
            per_device_train_batch_size=PROMPTS * REPLIES,
            max_steps=WARM_UP + steps,
            activation_checkpointing=False,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            bf16=False,
        ),
        train_dataset=Dataset.from_list([{"prompt": "", "prompt_ids": row["prompt"]} for row in rows]),
        processing_class=AutoTokenizer.from_pretrained(folder / "model"),
    )
    trainer.train()
    return median(sampling[WARM_UP:]), median(whole[WARM_UP:])


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3, help="steps to time, after one that warms up")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        weights = write_rows(folder, options.steps + 2, "text")
        plain, fast = (measure(folder, is_fast, options.steps) for is_fast in (False, True))
    print(heading("GRPO steps", "trl", "torch"))
    print(f"{PROMPTS} prompt, {REPLIES} replies of at most {REPLY_TOKENS} tokens to it; {weights:,} weights.\n")
    print("| steps | sampling, CPU s | whole step, CPU s |\n| --- | --- | --- |")
    for name, (sampled, whole) in (("TRL's plain ones", plain), ("fast", fast)):
        print(f"| {name} | {sampled:.1f} | {whole:.1f} |")
    print(f"\nFast steps take 1/{plain[1] / fast[1]:.1f} of the time; sampling 1/{plain[0] / fast[0]:.1f}.")


if __name__ == "__main__":
    main()
