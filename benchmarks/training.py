"""Measure a step of SFT and of DPO: TRL's plain one, the fast one of this project, and LLaMA-Factory's (SFT).

    python benchmarks/training.py                                # without LLaMA-Factory
    python benchmarks/training.py --format tools                 # tools and calls as native functions
    python benchmarks/training.py --llamafactory-python /tmp/llamafactory/bin/python

LLaMA-Factory 0.9.5 needs older libraries than this project, so it has an environment of its own, with the same torch.

    python -m venv /tmp/llamafactory && cd /tmp/llamafactory
    bin/pip install torch==2.13.0
    bin/pip install torch==2.13.0 'transformers<=5.6' 'trl<=0.24' 'peft<=0.18.1' 'accelerate<=1.11' 'datasets<=4.0' \
        'gradio<=5.50' 'tyro<0.9' av einops fastapi fire hf-transfer matplotlib modelscope omegaconf pandas \
        sentencepiece sse-starlette tiktoken torchdata uvicorn
    bin/pip install --no-deps llamafactory==0.9.5      # without torchvision and torchaudio

The rows are of the authors' released part, whose prompts have about 3,000 tokens; the model is a Llama of random
weights. All train the same LoRA adapter, with the same rows, order and options, in float32. Each runs its own training
loop in its own process. The processes take turns step by step, so that other load on the machine affects all in the
same way. The learning rate is 0, so that all steps are at the same weights, and losses and gradients can be compared.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from itertools import combinations, islice
from pathlib import Path
from statistics import median
from typing import Any

from machine import heading, shared_file

ROOT = Path(__file__).parent.parent
BATCH, WARM_UP = 2, 1
SHORTEST, LONGEST, VOCABULARY = 2_500, 3_500, 4_000
SHAPE = {"hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 6, "num_attention_heads": 4}
SHAPE |= {"num_key_value_heads": 4, "max_position_embeddings": 8_192}
PLAIN, FAST, FACTORY = "TRL, plain", "fast", "LLaMA-Factory"
# Options of all trainers, by names that both versions of transformers have.
OPTIONS = {
    "learning_rate": 0.0,
    "max_grad_norm": 0.0,
    "per_device_train_batch_size": BATCH,
    "num_train_epochs": 1,
    "save_strategy": "no",
    "logging_strategy": "no",
    "report_to": "none",
    "disable_tqdm": True,
    "bf16": False,
}


def write_rows(folder: Path, steps: int, form: str) -> int:
    """Write a model, an adapter, and rows to train on as token ids.

    Args:
        folder: gets them.
        steps: number of steps to time.
        form: of tools and calls, one of `petoolkit.evaluator.models.trained_chat.FORMATS`.

    Returns:
        The number of the model's weights.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from petoolbench import render_messages, to_json_text
    from petoolkit.evaluator.chat_rows import gold_call
    from petoolkit.evaluator.models.trained_chat import TOOLS
    from petoolkit.released import read_released
    from petoolkit.training.random_model import make_random_model
    from petoolkit.training.row_fitting import fit_row
    from petoolkit.training.training_chat import TrainingChat

    released = [row for row, _ in islice(read_released(shared_file("official_test_dev.json.gz")), 300)]
    texts = [render_messages(row)[0]["content"] for row in released]
    make_random_model(folder / "model", texts, VOCABULARY, initializer_range=0.05, **SHAPE)
    chat, rows = TrainingChat(str(folder / "model"), native_tools=form == TOOLS), []
    for row in released:
        gold = gold_call(row)
        other = next(tool for tool in row["candidate_tools"] if tool["tool_name"] != row["tool_call"]["tool_name"])
        wrong = to_json_text({**json.loads(gold), "tool_name": other["tool_name"]})
        fitted = fit_row(row, (gold, wrong), chat, 8_192)
        if fitted and SHORTEST <= len(fitted.prompt_ids) <= LONGEST:
            rows.append({"prompt": fitted.prompt_ids, "answers": fitted.answer_ids})
    (folder / "rows.json").write_text(json.dumps(rows[: BATCH * (WARM_UP + steps)]))
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(folder / "model")
    weights = model.num_parameters()
    # At the usual start, half of the gradients are 0.
    lora = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(model, lora).save_pretrained(folder / "adapter")
    return weights


def sft_rows(folder: Path) -> list[dict]:
    """Token ids and labels, as trainer/sft.py makes them."""
    rows = []
    for row in json.loads((folder / "rows.json").read_text()):
        prompt, answer = row["prompt"], row["answers"][0]
        rows.append({"input_ids": prompt + answer, "labels": [-100] * len(prompt) + answer})
    return rows


def trl_trainer(stage: str, name: str, folder: Path) -> Any:
    """TRL's trainer, with fast steps or without."""
    sys.path.insert(0, str(ROOT))
    from datasets import Dataset
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from petoolkit.training.arguments import DPOArguments, SFTArguments
    from petoolkit.training.fast_steps import FastDPOTrainer, FastSFTTrainer

    base = AutoModelForCausalLM.from_pretrained(folder / "model")
    given = {
        "model": PeftModel.from_pretrained(base, folder / "adapter", is_trainable=True),
        "processing_class": AutoTokenizer.from_pretrained(folder / "model"),
    }
    options = OPTIONS | {
        "output_dir": str(folder / name),
        "activation_checkpointing": False,
        "train_sampling_strategy": "sequential",
        "max_length": 8_192,
    }
    if stage == "SFT":
        arguments = SFTArguments(score_answers_only=name == FAST, **options)
        return FastSFTTrainer(args=arguments, train_dataset=Dataset.from_list(sft_rows(folder)), **given)

    class TokensDPOTrainer(FastDPOTrainer):
        def _prepare_dataset(self, dataset: Any, *args: Any) -> Any:
            return dataset

    rows = [
        {"prompt_ids": row["prompt"], "chosen_ids": row["answers"][0], "rejected_ids": row["answers"][1]}
        for row in json.loads((folder / "rows.json").read_text())
    ]
    arguments = DPOArguments(share_prompt=name == FAST, **options)
    trainer = TokensDPOTrainer(args=arguments, train_dataset=Dataset.from_list(rows), **given)
    given["model"].delete_adapter("ref")  # the reference is then the bare model, so no loss is ln 2
    return trainer


def factory_trainer(folder: Path) -> Any:
    """LLaMA-Factory's trainer, made as in its `run_sft`, on rows that are token ids already."""
    # It imports torchaudio, which it needs for sounds only.
    sys.modules.setdefault("torchaudio", module_from_spec(ModuleSpec("torchaudio", None)))
    from datasets import Dataset
    from llamafactory.data import SFTDataCollatorWith4DAttentionMask, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_model, load_tokenizer
    from llamafactory.train.sft.trainer import CustomSeq2SeqTrainer

    model_args, data_args, training_args, finetuning_args, _ = get_train_args(
        OPTIONS
        | {
            "stage": "sft",
            "do_train": True,
            "model_name_or_path": str(folder / "model"),
            "adapter_name_or_path": str(folder / "adapter"),
            "dataset": "none",
            "template": "empty",
            "finetuning_type": "lora",
            "disable_gradient_checkpointing": True,
            "disable_shuffling": True,
            "output_dir": str(folder / FACTORY),
            "cutoff_len": 8_192,
        }
    )
    tokenizer = load_tokenizer(model_args)
    template = get_template_and_fix_tokenizer(tokenizer["tokenizer"], data_args)
    model = load_model(tokenizer["tokenizer"], model_args, finetuning_args, is_trainable=True)
    rows = [row | {"attention_mask": [1] * len(row["input_ids"])} for row in sft_rows(folder)]
    return CustomSeq2SeqTrainer(
        model=model,
        args=training_args,
        finetuning_args=finetuning_args,
        data_collator=SFTDataCollatorWith4DAttentionMask(
            template=template,
            model=model,
            pad_to_multiple_of=8,
            attn_implementation=model.config._attn_implementation,
            compute_dtype=model_args.compute_dtype,
            **tokenizer,
        ),
        train_dataset=Dataset.from_list(rows),
        **tokenizer,
    )


def work(stage: str, name: str, folder: Path) -> None:
    """Train in a process of its own. For each line on standard input, take a step and write a line about it."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the libraries print must not be read as an answer
    import torch

    trainer = factory_trainer(folder) if name == FACTORY else trl_trainer(stage, name, folder)
    step, number = trainer.training_step, 0

    def timed_step(*args: Any, **kwargs: Any) -> Any:
        nonlocal number
        sys.stdin.readline()
        started = time.perf_counter()
        loss = step(*args, **kwargs).detach()
        value = loss.item()  # waits for a GPU
        seconds = time.perf_counter() - started
        weights = {key: weight.grad.cpu() for key, weight in trainer.model.named_parameters() if weight.requires_grad}
        torch.save(weights, folder / f"{name}-{number}.pt")
        print(json.dumps({"seconds": seconds, "loss": value}), file=channel, flush=True)
        number += 1
        return loss

    trainer.training_step = timed_step
    before = memory()
    trainer.train()
    print(json.dumps({"memory": memory(), "before": before}), file=channel, flush=True)


def memory() -> float:
    """The largest memory of this process so far in MB, on a GPU if there is one."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def side_by_side(stage: str, pythons: dict[str, str], folder: Path, number: int) -> list[list]:
    """Run trainers step by step in turn, and return a line of the table for each.

    Args:
        stage: `SFT` or `DPO`.
        pythons: the Python of each trainer, by its name.
        folder: with model, adapter and rows.
        number: of steps to time.
    """
    workers = {}
    for name, python in pythons.items():
        command = [python, __file__, "--worker", stage, name, str(folder)]
        log = (folder / f"{stage}-{name}.log").open("w")
        workers[name] = subprocess.Popen(command, stdin=-1, stdout=-1, stderr=log, text=True)
    steps: dict[str, list[dict]] = {name: [] for name in workers}
    for _ in range(WARM_UP + number):
        for name, worker in workers.items():
            steps[name].append(answer(worker, folder / f"{stage}-{name}.log", ask=True))
    lines = []
    medians = {name: median(step["seconds"] for step in taken[WARM_UP:]) for name, taken in steps.items()}
    for name, worker in workers.items():
        used = answer(worker, folder / f"{stage}-{name}.log")
        worker.wait()
        losses = [abs(step["loss"] - other["loss"]) for step, other in zip(steps[name], steps[PLAIN], strict=True)]
        lines.append(
            [
                stage,
                name,
                f"{medians[name]:.2f} s",
                f"{medians[PLAIN] / medians[name]:.2f}",
                f"{used['memory']:.0f} MB",
                f"{used['memory'] - used['before']:.0f} MB",
                f"{max(losses):.1e}",
                f"{gradients_apart(name, folder, number):.1e}",
            ]
        )
    for slow, quick in combinations(sorted(medians, key=medians.__getitem__, reverse=True), 2):
        print(f"{stage}: {slow} takes {medians[slow] / medians[quick]:.2f} times the time of {quick}")
    return lines


def answer(worker: subprocess.Popen, log: Path, ask: bool = False) -> dict:
    """The next line of a worker, which is asked for a step before if `ask` is set."""
    assert worker.stdin and worker.stdout
    if ask and worker.poll() is None:
        worker.stdin.write("\n")
        worker.stdin.flush()
    line = worker.stdout.readline()
    if not line:
        sys.exit(f"A process ended early:\n{log.read_text()[-3_000:]}")
    return json.loads(line)


def gradients_apart(name: str, folder: Path, number: int) -> float:
    """The largest relative difference of a weight matrix's gradient from plain TRL's, over all steps."""
    import torch

    apart = 0.0
    for step in range(WARM_UP + number):
        plain, other = (torch.load(folder / f"{one}-{step}.pt") for one in (PLAIN, name))
        assert plain.keys() == other.keys()
        apart = max(apart, *(((other[key] - plain[key]).norm() / plain[key].norm()).item() for key in plain))
    return apart


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llamafactory-python", help="python of an environment with LLaMA-Factory")
    parser.add_argument("--steps", type=int, default=8, help="how many are timed, after one that is not (8)")
    parser.add_argument("--format", choices=("text", "tools"), default="text", help="of tools and calls (text)")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        stage, name, folder = options.worker
        return work(stage, name, Path(folder))
    sys.path.insert(0, str(ROOT))
    import torch

    from petoolkit.text import markdown_table

    ours = {PLAIN: sys.executable, FAST: sys.executable}
    factory = {FACTORY: options.llamafactory_python} if options.llamafactory_python else {}
    print(heading(f"Steps of SFT and DPO, format {options.format}", "torch", "transformers", "trl", "peft"))
    with tempfile.TemporaryDirectory() as name:
        weights = write_rows(Path(name), options.steps, options.format)
        rows = json.loads(Path(name, "rows.json").read_text())
        prompts = sum(len(row["prompt"]) for row in rows) / len(rows)
        answers = [len(one) for row in rows for one in row["answers"]]
        print(
            f"{weights:,} weights, LoRA of rank 8, batches of {BATCH}, prompts of {prompts:,.0f} tokens, answers of "
            f"{min(answers)} to {max(answers)}; medians of {options.steps} steps; {torch.get_num_threads()} threads\n"
        )
        lines = side_by_side("SFT", ours | factory, Path(name), options.steps)
        lines += side_by_side("DPO", ours, Path(name), options.steps)
    columns = ["stage", "steps", "time of a step", "times as fast", "memory", "of it in training", "losses apart"]
    print(f"\n{markdown_table([*columns, 'gradients apart'], lines)}")
    if not factory:
        print("\nLLaMA-Factory is missing here: give --llamafactory-python; see --help for how to make one.")


if __name__ == "__main__":
    main()
