"""A small Llama, trained from nothing, that reads the prompt and copies: the base model of benchmarks/tiny_proof.py.

    python benchmarks/tiny/base.py --config benchmarks/tiny/recipes/base.yaml

No pretrained model is needed. Tokenizer and weights are trained on rows of `dataset_name` without preference (see
`base_rows`): all weights, the matrices with Muon and the rest with AdamW. The rows grow during the training, from two
candidate tools without documents to as many as `candidates` says. The result is a folder that `from_pretrained` reads.
The model is never asked what a user prefers.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from base_model import make_model
from base_rows import ALIKE, Names, RowsWithoutPreference, Size
from base_targets import KINDS, Targets, tokens_and_targets
from base_tokenizer import catalogue, train_tokenizer
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm
from trl import TrlParser

from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.evaluator.models.cpu_memory import keep_freed_memory
from petoolkit.evaluator.models.trained_chat import TEXT, TOOLS
from petoolkit.text import ALL
from petoolkit.training.script import run_script, say
from petoolkit.training.training_chat import TrainingChat

Prompt = tuple[torch.Tensor, Targets]  # token ids of (length,)

_SORTED_TOGETHER = 4  # steps
_WARM_UP_STEPS = 50
_DECAY_FROM = 0.5  # share of the steps
_READ_AGAIN = 4  # steps


@dataclass
class BaseArguments:
    """Data, size and training of the base model."""

    dataset_name: str = field(default="petoolbench", metadata={"help": "A dataset's folder, or its id on the Hub."})
    output_dir: str = field(default="runs/tiny/base", metadata={"help": "Folder for the model."})
    formats: list[str] = field(
        default_factory=lambda: [TEXT], metadata={"help": "Of tools and calls: text, tools, or both by lot."}
    )
    max_steps: int = field(default=800, metadata={"help": "Updates of the weights."})
    batch_size: int = field(default=8, metadata={"help": "Prompts of an update."})
    vocabulary: int = field(default=4_000, metadata={"help": "Tokens that the tokenizer learns."})
    hidden_size: int = field(default=128, metadata={"help": "Width of the model."})
    num_hidden_layers: int = field(default=4, metadata={"help": "Number of layers."})
    num_attention_heads: int = field(default=4, metadata={"help": "Number of attention heads of a layer."})
    interactions: int = field(default=2, metadata={"help": "The most past calls of a prompt."})
    candidates: int = field(default=4, metadata={"help": "The most candidate tools of a prompt."})
    requests: int = field(default=3, metadata={"help": "The most requests of a prompt."})
    alike_weight: float = field(
        default=1.0,
        metadata={"help": "In the loss, of answers that name the candidate like a past call; learnt last."},
    )
    learning_rate: float = field(default=0.01, metadata={"help": "Muon's, for the matrices."})
    embedding_learning_rate: float = field(default=0.01, metadata={"help": "AdamW's, for the embeddings."})
    other_learning_rate: float = field(default=1e-3, metadata={"help": "AdamW's, for norms and biases."})
    dataloader_num_workers: int = field(default=0, metadata={"help": "Processes that make prompts; 0: this one does."})
    logging_steps: int = field(default=50, metadata={"help": "Steps between two lines of the log."})
    seed: int = field(default=42, metadata={"help": "Decides weights and rows."})


def main(options: BaseArguments) -> None:
    """Make the model and its tokenizer.

    Raises:
        InputError: if there is no such dataset.
    """
    keep_freed_memory()
    rows = list(load_split(options.dataset_name, ALL, "train"))  # drawn often, so they are read once
    documents = catalogue()
    folder = Path(options.output_dir)
    train_tokenizer(documents, rows[0], options.vocabulary).save_pretrained(folder)
    chats = [TrainingChat(str(folder), native_tools=each == TOOLS) for each in options.formats]
    tokenizer = chats[0].tokenizer
    torch.manual_seed(options.seed)
    size = options.hidden_size, options.num_hidden_layers, options.num_attention_heads
    model = make_model(tokenizer, *size, calls_functions=TOOLS in options.formats)
    say(f"{sum(weight.numel() for weight in model.parameters()):,} weights, {len(tokenizer):,} tokens.")
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    optimizers = make_optimizers(model, options)
    prompts = Prompts(RowsWithoutPreference(rows, Names(documents)), chats, options)
    loader = DataLoader(prompts, batch_size=None, num_workers=options.dataloader_num_workers)
    batches = (batch for together in loader for batch in together)
    answered = torch.zeros(2, len(KINDS), dtype=torch.double)
    of_kinds = torch.tensor([options.alike_weight if kind == ALIKE else 1.0 for kind in KINDS])
    for step, batch in enumerate(tqdm(batches, total=options.max_steps, desc="Base", unit="step")):
        loss, right = target_loss(model, tokenizer, batch, of_kinds)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, peak in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * learning_rate_share(step, options.max_steps)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        answered += right
        if (step + 1) % options.logging_steps == 0:
            tqdm.write(f"step {step + 1}: loss {loss.item():.3f}; answers right: {shares(answered)}")
            answered.zero_()
    model.save_pretrained(folder)
    say(f"The base model is in {folder}.")


def make_optimizers(model: Any, options: BaseArguments) -> list[tuple[torch.optim.Optimizer, float]]:
    """Muon for the matrices inside the layers, AdamW for the rest, each with its peak learning rate."""
    matrices = [weight for weight in model.model.layers.parameters() if weight.ndim == 2]
    embeddings = [model.model.embed_tokens.weight]
    among = set(map(id, matrices + embeddings))
    rest = [weight for weight in model.parameters() if id(weight) not in among]
    optimizers: list[tuple[torch.optim.Optimizer, float]] = [
        (torch.optim.Muon(matrices, lr=options.learning_rate, weight_decay=0.0), options.learning_rate)
    ]
    for weights, peak in ((embeddings, options.embedding_learning_rate), (rest, options.other_learning_rate)):
        optimizers.append((torch.optim.AdamW(weights, lr=peak, betas=(0.9, 0.95), weight_decay=0.0), peak))
    return optimizers


def curriculum(options: BaseArguments) -> Iterator[tuple[Size, int]]:
    """For each step, the size of its prompts, and how many times the batch size there are.

    At first prompts only say names and how providers are described. Among more past calls, chance finds one less
    often, and a model learns sooner to look for it. Later every fourth step is of these prompts again, so that it
    stays learnt.
    """
    few, many = options.interactions, options.candidates
    reading, begun = Size(2 * few, many, 0), options.max_steps // 4
    for step in range(options.max_steps):
        if step < options.max_steps // 20:
            yield Size(2 * few, 2, 0), 3
        elif step < begun or step % _READ_AGAIN == 0:
            yield reading, 3
        else:
            yield Size(few, many, options.requests), 1


class Prompts(Dataset):
    """The prompts of some steps together, so that similar lengths can share a step: 6 % of padding, not 17 %.

    Args:
        source: of rows.
        chats: write the prompts, each by one of them by lot.
        options: sizes, steps and seed.
    """

    def __init__(self, source: RowsWithoutPreference, chats: Sequence[TrainingChat], options: BaseArguments):
        self._source = source
        self._chats = chats
        self._seed = options.seed
        self._batch_size = options.batch_size
        steps = curriculum(options)
        self._together = list(iter(lambda: list(islice(steps, _SORTED_TOGETHER)), []))

    def __len__(self) -> int:
        return len(self._together)

    def __getitem__(self, number: int) -> list[list[Prompt]]:
        """The prompts of each of `_SORTED_TOGETHER` steps."""
        if number >= len(self):
            raise IndexError(number)
        rng = random.Random(f"{self._seed}:{number}")
        batches = []
        for (size, times), steps in groupby(self._together[number]):
            in_step = times * self._batch_size
            drawn = (self._source.draw(size, rng) for _ in range(in_step * len(list(steps))))
            prompts = [tokens_and_targets(rng.choice(self._chats), rows, rng) for rows in drawn]
            prompts.sort(key=lambda prompt: len(prompt[0]))
            alike = [prompts[begin : begin + in_step] for begin in range(0, len(prompts), in_step)]
            rng.shuffle(alike)
            batches += alike
        return batches


def target_loss(
    model: Any, tokenizer: Any, prompts: Sequence[Prompt], of_kinds: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy with the targets, and (2, kinds) answers of each of `KINDS`: those with each token right, and all.

    Args:
        model: on any device.
        tokenizer: for its padding token.
        prompts: of a step.
        of_kinds: (kinds,) weights of answers of each of `KINDS` in the loss.
    """
    ids, targets = zip(*prompts, strict=True)
    inputs = pad_sequence(list(ids), batch_first=True, padding_value=tokenizer.pad_token_id)
    starts = range(0, inputs.numel(), inputs.size(1))
    first_answers = np.cumsum([0, *(int(each.answers.max()) + 1 for each in targets)])
    positions = torch.cat([start + each.positions for start, each in zip(starts, targets, strict=True)])
    answers = torch.cat([first + each.answers for first, each in zip(first_answers, targets, strict=False)])
    tokens, weights, kinds = (
        torch.cat([getattr(each, name) for each in targets]) for name in ("tokens", "weights", "kinds")
    )
    device = model.device
    with torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext():
        # Rows are padded on the right, and no token sees later ones, so there is no mask.
        states = model.model(inputs.to(device), use_cache=False).last_hidden_state.flatten(0, 1)
        scores = model.lm_head(states[positions.to(device)])
    log_probabilities = scores.float().log_softmax(-1).gather(1, tokens.to(device)[:, None])[:, 0]
    in_loss = weights * of_kinds[kinds]
    loss = -(log_probabilities * in_loss.to(device)).sum() / in_loss.sum()
    is_right = scores.argmax(-1).cpu() == tokens
    # Of the targets of a position at most one is the most likely token, and their weights sum to 1.
    right, needed = (torch.bincount(answers, each.double()) for each in (is_right, weights))
    kind_of = torch.zeros(len(needed), dtype=torch.long).scatter(0, answers, kinds)
    counted = [torch.bincount(kind_of, each.double(), len(KINDS)) for each in (right > needed - 0.5, needed > 0.5)]
    return loss, torch.stack(counted)


def shares(answered: torch.Tensor) -> str:
    """Percent of right answers of each kind that was asked.

    Args:
        answered: (2, kinds), as `target_loss` counts them.
    """
    return ", ".join(f"{kind} {right / all_:.1%}" for kind, right, all_ in zip(KINDS, *answered, strict=True) if all_)


def learning_rate_share(step: int, steps: int) -> float:
    """Share of the peak learning rate: it rises at first, and falls to zero in the second half."""
    return min(1.0, (step + 1) / _WARM_UP_STEPS, (steps - step) / (steps * (1 - _DECAY_FROM)))


def make_parser() -> TrlParser:
    """The parser of `main`'s argument."""
    kinds: Any = (BaseArguments,)
    return TrlParser(kinds)


if __name__ == "__main__":
    run_script(make_parser(), main)
