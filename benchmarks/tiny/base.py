"""A small Llama, trained from nothing, that reads the prompt and copies: the base model of benchmarks/tiny_proof.py.

    python benchmarks/tiny/base.py --config benchmarks/tiny/recipes/base.yaml

No pretrained model is needed. Tokenizer and weights are trained on rows of `dataset_name` without preference (see
`base_rows`): all weights, the matrices with Muon and the rest with AdamW. The rows grow during the training, from one
candidate tool to five. The result is a folder that `from_pretrained` reads. The model does not know what a user
prefers.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import torch
from base_rows import Names, RowsWithoutPreference, Size
from base_targets import Targets, tokens_and_targets
from base_tokenizer import catalogue, train_tokenizer
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm
from transformers import LlamaConfig, LlamaForCausalLM
from trl import TrlParser

from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.evaluator.models.cpu_memory import keep_freed_memory
from petoolkit.text import ALL
from petoolkit.training.script import run_script, say

Prompt = tuple[torch.Tensor, Targets]  # token ids of (length,)

_HEADS = 4
_POSITION_STRENGTH = 5.0
_NAME = re.compile(r'<[^|>]+>\.<.*>"?')
_NAME_FREQUENCIES = slice(3, 6)  # of a head's rotations: 0.09 to 0.02 radians a token, for lines of some 30 tokens
_SLOWEST_FREQUENCY = 0.05  # radians a token; slower ones hardly tell neighbours apart
# Up to which share of the steps prompts are how large, and how many times the batch size a step has.
_CURRICULUM = (
    (0.05, Size(2, 2, 0), 3),
    (0.2, Size(2, 4, 0), 3),
    (0.3, Size(0, 2, 2), 2),
    (1.0, Size(2, 4, 3), 1),
)
_SORTED_TOGETHER = 4  # steps; padding is then 6 % of the tokens, not 17 %
_BLANK = "\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}"  # as byte-level BPE writes it
_WARM_UP_STEPS = 50
_DECAY_FROM = 0.5  # share of the steps


@dataclass
class BaseArguments:
    """Data, size and training of the base model."""

    dataset_name: str = field(default="petoolbench", metadata={"help": "A dataset's folder, or its id on the Hub."})
    output_dir: str = field(default="runs/tiny/base", metadata={"help": "Folder for the model."})
    max_steps: int = field(default=800, metadata={"help": "Updates of the weights."})
    batch_size: int = field(default=8, metadata={"help": "Prompts of an update."})
    vocabulary: int = field(default=4_000, metadata={"help": "Tokens that the tokenizer learns."})
    hidden_size: int = field(default=128, metadata={"help": "Width of the model."})
    num_hidden_layers: int = field(default=4, metadata={"help": "Number of layers."})
    learning_rate: float = field(default=0.01, metadata={"help": "Muon's, for the matrices."})
    embedding_learning_rate: float = field(default=4e-3, metadata={"help": "AdamW's, for the other weights."})
    logging_steps: int = field(default=50, metadata={"help": "Steps between two lines of the log."})
    seed: int = field(default=42, metadata={"help": "Decides weights and rows."})


def main(options: BaseArguments) -> None:
    """Make the model and its tokenizer.

    Raises:
        InputError: if there is no such dataset.
    """
    keep_freed_memory()
    rows = load_split(options.dataset_name, ALL, "train")
    rng = random.Random(options.seed)
    documents = catalogue()
    tokenizer = train_tokenizer(documents, rows[0], options.vocabulary)
    torch.manual_seed(options.seed)
    model = make_model(options, tokenizer)
    say(f"{sum(weight.numel() for weight in model.parameters()):,} weights, {len(tokenizer):,} tokens.")
    optimizers = make_optimizers(model, options)
    prompts = batches(RowsWithoutPreference(rows, Names(documents)), tokenizer, options, rng)
    for step, batch in enumerate(tqdm(prompts, total=options.max_steps, desc="Base", unit="step")):
        loss, accuracy = target_loss(model, tokenizer, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, peak in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * learning_rate_share(step, options.max_steps)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if (step + 1) % options.logging_steps == 0:
            tqdm.write(f"step {step + 1}: loss {loss.item():.3f}, tokens right {accuracy:.1%}")
    folder = Path(options.output_dir)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    say(f"The base model is in {folder}.")


def make_model(options: BaseArguments, tokenizer: Any) -> Any:
    """A `LlamaForCausalLM` of random weights that is close to copying; see `_begin_as_copying`."""
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=options.hidden_size,
            intermediate_size=2 * options.hidden_size,
            num_hidden_layers=options.num_hidden_layers,
            num_attention_heads=_HEADS,
            num_key_value_heads=_HEADS,
            attention_bias=True,
            # Slow rotations: most dimensions of a head compare tokens, few of them positions.
            rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    _begin_as_copying(model)
    embeddings = model.model.embed_tokens.weight
    _begin_alike(embeddings, tokenizer)
    names = [number for token, number in tokenizer.get_vocab().items() if _NAME.fullmatch(token)]
    if names:
        _begin_with_nearest_name(model.model.layers[0].self_attn, embeddings, names)
    return model


def _begin_with_nearest_name(attention: Any, embeddings: torch.Tensor, names: list[int]) -> None:
    """Let a head of the first layer read the nearest name of a tool before: whose line of the prompt a token is in.

    All names begin with one vector in common, by which the head finds them. It is turned slowly by the positions, so
    that the nearest name scores highest.
    """
    width = attention.head_dim
    rows = slice((_HEADS - 2) * width, (_HEADS - 1) * width)
    with torch.no_grad():
        common = torch.nn.functional.normalize(torch.randn(embeddings.shape[1]), dim=0)
        embeddings[names] += common * embeddings[names].norm(dim=1).mean()
        sought = torch.zeros(width)
        sought[_NAME_FREQUENCIES] = _POSITION_STRENGTH
        attention.q_proj.weight[rows] *= 0.05
        attention.k_proj.weight[rows] *= 0.05
        attention.q_proj.bias[rows] = sought
        attention.k_proj.bias[rows] = 0
        length = embeddings.shape[1] ** 0.5 / 2**0.5  # of a normalized name along `common`
        attention.k_proj.weight[rows] += torch.outer(sought, common) / length


def _begin_alike(embeddings: torch.Tensor, tokenizer: Any) -> None:
    """Let each word after a blank begin as the word without it plus one vector for the blank: a value stands after a
    blank in the request, and after a quotation mark in the call."""
    numbers = tokenizer.get_vocab()
    with torch.no_grad():
        blank = torch.randn(embeddings.shape[1]) * embeddings.std() / 2
        for token, number in numbers.items():
            if token.startswith(_BLANK) and token[1:] in numbers:
                embeddings[number] = embeddings[numbers[token[1:]]] + blank


def _begin_as_copying(model: Any) -> None:
    """Set the attention weights to a state that the training would need most of its time to find.

    In every layer, queries and keys are alike and a head writes what it reads (after Trockman and Kolter, 2023,
    "Mimetic initialization of self-attention layers"). In the first layer, two heads read the tokens 1 and 2 before,
    and one is for `_begin_with_nearest_name`. In the second layer, two heads look for the position that followed the
    same 1 or 2 tokens (the induction heads of Olsson et al., 2022). With this start, the model copied after half as
    many rows.
    """
    width = model.model.layers[0].self_attn.head_dim
    theta = model.config.rope_parameters["rope_theta"]
    with torch.no_grad():
        torch.nn.init.normal_(model.model.embed_tokens.weight, std=0.05)
        for layer in model.model.layers:
            attention = layer.self_attn
            torch.nn.init.orthogonal_(attention.q_proj.weight)
            attention.k_proj.weight.copy_(attention.q_proj.weight)
            torch.nn.init.orthogonal_(attention.v_proj.weight)
            attention.o_proj.weight.copy_(attention.v_proj.weight.T / 2)
        first, second = (layer.self_attn for layer in model.model.layers[:2])
        read = first.v_proj.weight[:width].clone()
        last_known = read  # how a query represents the last of the tokens that it compares: at first, itself
        for head in range(_HEADS - 1):
            rows = slice(head * width, (head + 1) * width)
            for projection, bias in zip((first.q_proj, first.k_proj), _biases(head + 1, width, theta), strict=True):
                projection.weight[rows] *= 0.05  # positions decide almost alone
                projection.bias[rows] = bias
            written = torch.nn.init.orthogonal_(torch.empty(model.config.hidden_size, width))
            first.v_proj.weight[rows] = read
            first.o_proj.weight[:, rows] = 0.7 * written
            if head < _HEADS - 2:
                second.q_proj.weight[rows] = last_known
                second.k_proj.weight[rows] = written.T
                last_known = written.T


def _biases(distance: int, width: int, theta: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Biases of a query and a key, both (width,), whose rotated product is largest `distance` tokens before."""
    frequency = 1 / theta ** (torch.arange(0, width, 2) / width)
    half = _POSITION_STRENGTH * (frequency > _SLOWEST_FREQUENCY)
    turned = frequency * distance
    key = torch.cat([half * (turned.cos() - turned.sin()), half * (turned.cos() + turned.sin())])
    return torch.cat([half, half]), key


def make_optimizers(model: Any, options: BaseArguments) -> list[tuple[torch.optim.Optimizer, float]]:
    """Muon for the matrices inside the layers, AdamW for embeddings and norms, each with its peak learning rate."""
    matrices = [weight for weight in model.model.layers.parameters() if weight.ndim == 2]
    inside = set(map(id, matrices))
    rest = [weight for weight in model.parameters() if id(weight) not in inside]
    return [
        (torch.optim.Muon(matrices, lr=options.learning_rate, weight_decay=0.0), options.learning_rate),
        (
            torch.optim.AdamW(rest, lr=options.embedding_learning_rate, betas=(0.9, 0.95), weight_decay=0.0),
            options.embedding_learning_rate,
        ),
    ]


def curriculum(steps: int) -> Iterator[tuple[Size, int]]:
    """For each step, the size of its prompts, and how many times the batch size there are."""
    begun = 0
    for share, size, times in _CURRICULUM:
        end = round(share * steps)
        yield from [(size, times)] * (end - begun)
        begun = end


def batches(
    source: RowsWithoutPreference, tokenizer: Any, options: BaseArguments, rng: random.Random
) -> Iterator[list[Prompt]]:
    """The prompts of each step. They are drawn for some steps at once, so that similar lengths can share a step."""
    for (size, times), steps in groupby(curriculum(options.max_steps)):
        number = times * options.batch_size
        while together := list(islice(steps, _SORTED_TOGETHER)):
            drawn = (source.draw(size, rng) for _ in range(number * len(together)))
            prompts = [tokens_and_targets(tokenizer, rows, rng) for rows in drawn]
            prompts.sort(key=lambda prompt: len(prompt[0]))
            alike = [prompts[begin : begin + number] for begin in range(0, len(prompts), number)]
            rng.shuffle(alike)
            yield from alike


def target_loss(model: Any, tokenizer: Any, prompts: list[Prompt]) -> tuple[torch.Tensor, float]:
    """Cross-entropy with the targets, and the share of positions whose most likely token is a target."""
    ids, targets = zip(*prompts, strict=True)
    inputs = pad_sequence(list(ids), batch_first=True, padding_value=tokenizer.pad_token_id)
    starts = range(0, inputs.numel(), inputs.size(1))
    positions = torch.cat([start + each.positions for start, each in zip(starts, targets, strict=True)])
    tokens = torch.cat([each.tokens for each in targets])
    weights = torch.cat([each.weights for each in targets])
    # Rows are padded on the right, and no token sees later ones, so there is no mask. The head scores targets only.
    states = model.model(inputs, use_cache=False).last_hidden_state.flatten(0, 1)
    scores = model.lm_head(states[positions])
    log_probabilities = scores.log_softmax(-1).gather(1, tokens[:, None])[:, 0]
    right = (scores.argmax(-1) == tokens).sum() / weights.sum()
    return -(log_probabilities * weights).sum() / weights.sum(), right.item()


def learning_rate_share(step: int, steps: int) -> float:
    """Share of the peak learning rate: it rises at first, and falls to zero in the second half."""
    return min(1.0, (step + 1) / _WARM_UP_STEPS, (steps - step) / (steps * (1 - _DECAY_FROM)))


def make_parser() -> TrlParser:
    """The parser of `main`'s argument."""
    kinds: Any = (BaseArguments,)
    return TrlParser(kinds)


if __name__ == "__main__":
    run_script(make_parser(), main)
