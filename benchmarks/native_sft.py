"""Whether SFT learns the same of rows in text and of the same rows as native function calls, from one small Llama.

    python benchmarks/native_sft.py                  # in runs/native/; about ten minutes on two cores

No pretrained model is needed. A base model learns both formats and to copy, half of its prompts in each, from rows
without preference: the gold call is of any tool that does the job, and tools have names at random. Then come SFT with
`format: text` and with `format: tools`, on the same rows, with the same steps and options, and an evaluation of each
in its format, greedily, on the same test rows. Whatever exists already is not made again.
"""

import argparse
import json
import random
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from commands import run
from machine import heading
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parent / "tiny"))

from base import BaseArguments, learning_rate_share, make_optimizers
from base_model import make_model

from petoolbench import SETTINGS, render_messages
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.evaluator.models.cpu_memory import keep_freed_memory
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.evaluator.models.trained_chat import FORMATS, TEXT, TOOLS
from petoolkit.evaluator.prompts.window import shown_messages
from petoolkit.evaluator.records import SCORES, Scores
from petoolkit.evaluator.scores.comparison import compare
from petoolkit.replies import READERS
from petoolkit.text import ALL, markdown_table, points, with_interval
from petoolkit.training.random_model import CHAT_TEMPLATE
from petoolkit.training.training_chat import TrainingChat

OUT = Path("runs/native")
BUILT, DATA, BASE, TOKENIZER = OUT / "built", OUT / "data", OUT / "base", OUT / "tokenizer"
PROTOCOLS = {TEXT: "prompt", TOOLS: "tools"}
_SPECIAL = ["<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>"]
_WORDS = r"""[\s"{}\[\]:,<>._]+|[^\s"{}\[\]:,<>._]+"""  # what stands between words is a token of its own
_TOKENIZER_ROWS, _VOCABULARY = 300, 3_000
# Up to which share of the base's steps prompts have at most how many past calls and candidates.
_CURRICULUM = ((0.2, 0, 2), (0.5, 1, 3), (1.0, 3, 5))
_WIDTH, _LAYERS, _HEADS = 128, 3, 4
_SFT = ("--lora_r", "16", "--lora_alpha", "32", "--learning_rate", "1e-3", "--per_device_train_batch_size", "8")
_BATCH, _SORTED_TOGETHER = 8, 4
_OF_ALL_TOKENS = 0.3  # weight of the loss on whole prompts, in which names are repeated


def make_tokenizer(rows: list[dict]) -> None:
    """Train a tokenizer on rows in both formats, and write it.

    Names of tools, in each format's form, and the sentences of descriptions are one token each: so small a model does
    not learn to read them within minutes.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(_WORDS), "isolated")
    bpe.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(False, use_regex=False)])
    bpe.decoder = decoders.ByteLevel()
    some = rows[:_TOKENIZER_ROWS]
    texts = (text for row in some for native in (False, True) for text in _texts(row, native))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    options: dict[str, Any] = {"special_tokens": _SPECIAL, "initial_alphabet": alphabet, "show_progress": False}
    bpe.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=_VOCABULARY, **options))
    whole = _fixed_lines(rows[0]) | {text for row in rows for text in _names_and_sentences(row)}
    bpe.add_tokens([AddedToken(text, normalized=False) for text in sorted(whole)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(TOKENIZER)


def _texts(row: dict, native: bool) -> Iterator[str]:
    yield from (message["content"] for message in render_messages(row, native_tools=native))
    yield gold_call(row)
    if native:
        yield from (json.dumps(tool, ensure_ascii=False) for tool in NativeTools(row["candidate_tools"]).functions())


def _names_and_sentences(row: dict) -> Iterator[str]:
    native = NativeTools(row["candidate_tools"])
    yield from (native.short_names(tool["tool_name"])[0] for tool in row["candidate_tools"])
    for described in (*row["candidate_tools"], *row["history"]):
        yield described["tool_name"]
        yield from (part for part in re.split(r"(?<=[.!?]) ", described["provider_description"]) if part)


def _fixed_lines(row: dict) -> set[str]:
    """Lines that the prompts of a setting share."""
    bare = {**row, "history": [], "candidate_tools": []}
    shown = [
        render_messages({**bare, "id": f"u/{setting}"}, native_tools=native)[0]["content"]
        for setting in SETTINGS
        for native in (False, True)
    ]
    return {line for text in shown for line in text.split("\n") if line}


class RowsOfAnyTool:
    """Draws rows from which no preference can be learnt: any tool that does the job is gold, names are random.

    Args:
        rows: of the train split.
        names: of tools, which the tools of a row get.
    """

    def __init__(self, rows: list[dict], names: list[str]):
        self._rows, self._names = rows, names
        self._past_calls = [call for row in rows for call in row["history"]]

    def draw(self, past_calls: int, candidates: int, rng: random.Random) -> dict:
        """A row with at most so many past calls and candidates."""
        row = rng.choice(self._rows)
        setting = rng.choice(list(SETTINGS))
        gold = rng.choice(row["same_function_tools"])
        others = [tool for tool in row["candidate_tools"] if tool["tool_name"] != gold]
        tools = [next(tool for tool in row["candidate_tools"] if tool["tool_name"] == gold)]
        tools += rng.sample(others, min(rng.randint(1, candidates - 1), len(others)))
        rng.shuffle(tools)
        calls = rng.sample(self._past_calls, rng.randint(0, past_calls))
        names = iter(rng.sample(self._names, len(tools) + len(calls)))
        rated = SETTINGS[setting].is_rated
        history = [{**c, "tool_name": next(names), "rating": rng.randint(0, 1) if rated else None} for c in calls]
        renamed = {tool["tool_name"]: next(names) for tool in tools}
        return {
            **row,
            "id": f"{row['user_id']}/{setting}",
            "history": history,
            "history_length": len(history),
            "candidate_tools": [{**tool, "tool_name": renamed[tool["tool_name"]]} for tool in tools],
            "tool_call": {**row["tool_call"], "tool_name": renamed[gold]},
        }


def make_base(steps: int, seed: int) -> None:
    """Train the base model, all its weights, and write it."""
    keep_freed_memory()
    rng = random.Random(seed)
    train = list(load_split(str(DATA), ALL, "train"))
    everything = [*train, *load_split(str(DATA), ALL, "test")]
    make_tokenizer(everything)
    names = sorted({tool["tool_name"] for row in everything for tool in row["candidate_tools"]})
    chats = [TrainingChat(str(TOKENIZER), native_tools=form == TOOLS) for form in FORMATS]
    torch.manual_seed(seed)
    model = make_model(chats[0].tokenizer, _WIDTH, _LAYERS, _HEADS)
    optimizers = make_optimizers(model, BaseArguments())
    source = RowsOfAnyTool(train, names)
    for step, batch in enumerate(tqdm(_batches(source, chats, steps, rng), total=steps, desc="Base", unit="step")):
        loss, accuracy = _loss(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, peak in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * learning_rate_share(step, steps)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if (step + 1) % 50 == 0:
            tqdm.write(f"step {step + 1}: tokens of calls right {accuracy:.1%}")
    chats[0].tokenizer.save_pretrained(BASE)
    model.save_pretrained(BASE)


def _batches(source: RowsOfAnyTool, chats: list[TrainingChat], steps: int, rng: random.Random) -> Iterator[list]:
    """Pairs of token ids, of the prompt and of the call; half of a batch in each format, prompts of like length."""
    for first in range(0, steps, _SORTED_TOGETHER):
        size = next((calls, tools) for share, calls, tools in _CURRICULUM if first < share * steps)
        drawn = []
        for number in range(_BATCH * _SORTED_TOGETHER):
            row, chat = source.draw(*size, rng), chats[number % 2]
            tools = row["candidate_tools"]
            prompt = chat.encode(shown_messages(row, native_tools=chat.native_tools), tools)
            drawn.append((prompt, chat.encode_answer(gold_call(row), tools)))
        drawn.sort(key=lambda pair: len(pair[0]))
        together = [drawn[begin : begin + _BATCH] for begin in range(0, len(drawn), _BATCH)]
        rng.shuffle(together)
        yield from together


def _loss(model: Any, batch: list) -> tuple[torch.Tensor, float]:
    """The loss on calls, and a share of that on whole prompts; and the share of the calls' tokens that are right."""
    ids = pad_sequence([torch.tensor(prompt + call) for prompt, call in batch], batch_first=True, padding_value=-1)
    logits = model(ids.clamp(min=0), use_cache=False).logits[:, :-1]
    following = ids[:, 1:]
    of_call = torch.zeros_like(following, dtype=torch.bool)
    for number, (prompt, call) in enumerate(batch):
        of_call[number, len(prompt) - 1 : len(prompt) + len(call) - 1] = True
    every = cross_entropy(logits.flatten(0, 1), following.flatten(), ignore_index=-1)
    calls = cross_entropy(logits[of_call], following[of_call])
    right = (logits[of_call].argmax(-1) == following[of_call]).float().mean().item()
    return calls + _OF_ALL_TOKENS * every, right


def train_and_evaluate(form: str, steps: int, seed: int) -> None:
    """SFT in one format, and the evaluation of its adapter."""
    out, results = OUT / f"sft-{form}", OUT / f"results-{form}"
    recipe = ("--config", "benchmarks/tiny/recipes/sft.yaml", "--format", form, "--seed", str(seed), *_SFT)
    models = ("--model_name_or_path", BASE, "--dataset_name", DATA, "--output_dir", out)
    length = ("--max_steps", str(steps), "--eval_strategy", "no", "--validation_share", "0")
    run(OUT / "log.txt", out / "README.md", "trainer/sft.py", *recipe, *models, *length)
    model = ("--model", f"hf:{BASE}+{out}", "--dataset", DATA, "--out", results)
    asked = ("--protocol", PROTOCOLS[form], "--temperature", "0", "--max-new-tokens", "64")
    run(OUT / "log.txt", results / SCORES, "-m", "petoolbench_cli", "evaluate", *model, *asked)


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
    parser.add_argument("--users", type=int, default=2_000, help="of the benchmark (2000)")
    parser.add_argument("--base-steps", type=int, default=1_350, help="of the base model (1350)")
    parser.add_argument("--steps", type=int, default=500, help="of each SFT (500)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(heading("SFT in text and as native calls", "petoolbench", "torch", "trl", "peft", "transformers"))
    started = time.perf_counter()
    OUT.mkdir(parents=True, exist_ok=True)
    recipe = ("--recipe", "benchmarks/tiny/recipes/build.yaml", "--users", str(options.users))
    folders = ("--run", OUT / "stages", "--dataset", BUILT)
    run(OUT / "log.txt", BUILT / "README.md", "-m", "petoolbench_cli", "build", *recipe, *folders)
    run(OUT / "log.txt", DATA / "README.md", "benchmarks/tiny/exchange_names.py", BUILT, DATA)
    if not (BASE / "config.json").exists():
        make_base(options.base_steps, options.seed)
    with ThreadPoolExecutor(max_workers=len(FORMATS)) as at_once:
        list(at_once.map(lambda form: train_and_evaluate(form, options.steps, options.seed), FORMATS))
    rows = Scores.read(OUT / f"results-{TEXT}").rows[ALL]
    print(f"\n{rows:,} test rows; shares in percent.\n\n{table()}\n")
    print(f"{(time.perf_counter() - started) / 60:.0f} minutes (what existed already was not made again)")


if __name__ == "__main__":
    main()
