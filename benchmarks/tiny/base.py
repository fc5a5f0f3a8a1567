"""A small Llama from nothing, that can read the prompt and copy: the base of the tiny recipes.

    python trainer/base.py --config recipes/tiny/base.yaml

No pretrained model is needed. Tokenizer and weights are trained on rows of `dataset_name` that hold no preference (see
`tiny.base_rows`), all weights, the matrices with Muon and the rest with AdamW. Rows grow as the training goes on,
from one candidate tool to five. What comes out is a folder as `from_pretrained` reads it; what a user prefers,
it does not know.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from base_rows import RowsWithoutPreference
from base_targets import Targets, tokens_and_targets

from petoolbench import SETTINGS
from petoolkit.evaluator.models.cpu_memory import keep_freed_memory
from petoolkit.training.training_run import run_script, say

if TYPE_CHECKING:
    import torch
    from trl import TrlParser

Prompt = tuple["torch.Tensor", Targets]  # token ids of (length,)

_HEADS = 4
_POSITION_STRENGTH = 5.0
_SLOWEST_FREQUENCY = 0.05  # radians a token; slower ones hardly tell neighbours apart
_TOKENIZER_ROWS = 1_500
# Until which share of the steps prompts have how many interactions, candidate tools and requests, at most.
_CURRICULUM = ((0.15, (0, 1, 1)), (0.3, (1, 2, 2)), (0.6, (2, 3, 3)), (1.0, (3, 5, 3)))
_SOURCE_WEIGHTS = (2, 1)  # of `dataset_name` and `renamed_dataset_name`
_SORTED_TOGETHER = 4  # steps; padding is then 6 % of the tokens, not 17 %
_WARM_UP_STEPS = 50
_DECAY_FROM = 0.5  # share of the steps


@dataclass
class BaseArguments:
    """What the base is made of, and out of what."""

    dataset_name: str = field(default="petoolbench", metadata={"help": "A dataset's folder, or its id on the Hub."})
    renamed_dataset_name: str | None = field(
        default=None,
        metadata={"help": "A third of the prompts are of this dataset; its providers' names are never shown."},
    )
    output_dir: str = field(default="runs/tiny/base", metadata={"help": "Where the model goes."})
    max_steps: int = field(default=800, metadata={"help": "Updates of the weights."})
    batch_size: int = field(default=8, metadata={"help": "Prompts an update."})
    vocabulary: int = field(default=4_000, metadata={"help": "Tokens that the tokenizer learns."})
    hidden_size: int = field(default=128, metadata={"help": "Width."})
    num_hidden_layers: int = field(default=3, metadata={"help": "Depth."})
    learning_rate: float = field(default=0.01, metadata={"help": "Muon's, for the matrices."})
    embedding_learning_rate: float = field(default=4e-3, metadata={"help": "AdamW's, for the rest."})
    logging_steps: int = field(default=50, metadata={"help": "Steps between two lines of the log."})
    seed: int = field(default=42, metadata={"help": "Decides weights and rows."})


def main(options: BaseArguments) -> None:
    """Make the model and its tokenizer.

    Raises:
        InputError: if there is no such dataset.
    """
    import torch
    from base_tokenizer import train_tokenizer
    from tqdm import tqdm

    keep_freed_memory()
    rows = train_rows(options.dataset_name)
    sources = [RowsWithoutPreference(rows)]
    if options.renamed_dataset_name:
        renamed = train_rows(options.renamed_dataset_name)
        sources.append(RowsWithoutPreference(renamed, all_renamed=True))
        rows = rows + renamed  # a new list: the first source draws from the other, and shows real names
    rng = random.Random(options.seed)
    tokenizer = train_tokenizer(rng.sample(rows, min(_TOKENIZER_ROWS, len(rows))), options.vocabulary)
    torch.manual_seed(options.seed)
    model = make_model(options, tokenizer)
    say(f"{sum(weight.numel() for weight in model.parameters()):,} weights, {len(tokenizer):,} tokens.")
    optimizers = make_optimizers(model, options)
    prompts = batches(sources, tokenizer, options, rng)
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


def train_rows(dataset: str) -> list[dict]:
    """Rows of the train split, of all settings."""
    from petoolkit.evaluator.dataset_rows import load_rows

    return [row for setting in SETTINGS for row in load_rows(dataset, setting, "train")]


def make_model(options: BaseArguments, tokenizer: Any) -> Any:
    """A `LlamaForCausalLM` of random weights, in a state from which copying is near; see `_begin_as_copying`."""
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=options.hidden_size,
            intermediate_size=2 * options.hidden_size,
            num_hidden_layers=options.num_hidden_layers,
            num_attention_heads=_HEADS,
            num_key_value_heads=_HEADS,
            attention_bias=True,
            rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},  # most dimensions compare, few place
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    _begin_as_copying(model)
    return model


def _begin_as_copying(model: Any) -> None:
    """Set attention to what it would otherwise spend most of the training on finding.

    In every layer, queries and keys are alike and a head writes what it reads (after Trockman and Kolter, 2023,
    "Mimetic initialization of self-attention layers"). In the first, heads but one read the tokens 1, 2 and 3 before;
    in the second, they look for the place that followed the same 1, 2 or 3 tokens (the induction heads of Olsson et
    al., 2022). With it, copying came after half as many rows.
    """
    import torch

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
        last_known = read  # how a query knows the last of the tokens it compares: at first, itself
        for head in range(_HEADS - 1):
            rows = slice(head * width, (head + 1) * width)
            for projection, bias in zip((first.q_proj, first.k_proj), _towards(head + 1, width, theta), strict=True):
                projection.weight[rows] *= 0.05  # positions decide, next to nothing else
                projection.bias[rows] = bias
            written = torch.nn.init.orthogonal_(torch.empty(model.config.hidden_size, width))
            first.v_proj.weight[rows] = read
            first.o_proj.weight[:, rows] = 0.7 * written
            second.q_proj.weight[rows] = last_known
            second.k_proj.weight[rows] = written.T
            last_known = written.T


def _towards(distance: int, width: int, theta: float) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Biases of a query and a key, of (width,), whose product, once rotated, is largest `distance` tokens before."""
    import torch

    frequency = 1 / theta ** (torch.arange(0, width, 2) / width)
    half = _POSITION_STRENGTH * (frequency > _SLOWEST_FREQUENCY)
    turned = frequency * distance
    key = torch.cat([half * (turned.cos() - turned.sin()), half * (turned.cos() + turned.sin())])
    return torch.cat([half, half]), key


def make_optimizers(model: Any, options: BaseArguments) -> list[tuple["torch.optim.Optimizer", float]]:
    """Muon for the matrices inside the layers, AdamW for embeddings and norms, each with its peak learning rate."""
    import torch

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


def curriculum(steps: int) -> Iterator[tuple[int, int, int]]:
    """Of each step, how many interactions, candidate tools and requests its prompts have, at most."""
    begun = 0
    for share, size in _CURRICULUM:
        end = round(share * steps)
        yield from [size] * (end - begun)
        begun = end


def batches(
    sources: list[RowsWithoutPreference], tokenizer: Any, options: BaseArguments, rng: random.Random
) -> Iterator[list[Prompt]]:
    """Each step's prompts; those of some steps are drawn together, and what is about as long goes into one step."""
    sizes = list(curriculum(options.max_steps))
    for first in range(0, len(sizes), _SORTED_TOGETHER):
        prompts = []
        for size in sizes[first : first + _SORTED_TOGETHER]:
            drawn_from = rng.choices(sources, _SOURCE_WEIGHTS[: len(sources)], k=options.batch_size)
            prompts += [tokens_and_targets(tokenizer, source.draw(*size, rng)) for source in drawn_from]
        prompts.sort(key=lambda prompt: len(prompt[0]))
        together = [
            prompts[begin : begin + options.batch_size] for begin in range(0, len(prompts), options.batch_size)
        ]
        rng.shuffle(together)
        yield from together


def target_loss(model: Any, tokenizer: Any, prompts: list[Prompt]) -> tuple["torch.Tensor", float]:
    """Cross-entropy with the targets, and the share of places at which the model would have written one of them."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    ids, targets = zip(*prompts, strict=True)
    inputs = pad_sequence(list(ids), batch_first=True, padding_value=tokenizer.pad_token_id)
    starts = range(0, inputs.numel(), inputs.size(1))
    places = torch.cat([start + each.places for start, each in zip(starts, targets, strict=True)])
    tokens = torch.cat([each.tokens for each in targets])
    weights = torch.cat([each.weights for each in targets])
    # Padded on the right, and no mask: no token sees what comes after it. The head scores what is counted only.
    states = model.model(inputs, use_cache=False).last_hidden_state.flatten(0, 1)
    scores = model.lm_head(states[places])
    chances = scores.log_softmax(-1).gather(1, tokens[:, None])[:, 0]
    right = (scores.argmax(-1) == tokens).sum() / weights.sum()
    return -(chances * weights).sum() / weights.sum(), right.item()


def learning_rate_share(step: int, steps: int) -> float:
    """Of the peak: rising at first, falling to nothing in the second half."""
    return min(1.0, (step + 1) / _WARM_UP_STEPS, (steps - step) / (steps * (1 - _DECAY_FROM)))


def make_parser() -> "TrlParser":
    """The parser of `main`'s argument."""
    from trl import TrlParser

    kind: Any = BaseArguments
    return TrlParser(kind)


if __name__ == "__main__":
    run_script(make_parser().parse_args_and_config, main)
