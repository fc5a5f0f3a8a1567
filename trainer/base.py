"""A small Llama from nothing, that can read the prompt and copy: the base of the tiny recipes.

    python trainer/base.py --config recipes/tiny/base.yaml

No pretrained model is needed. Tokenizer and weights are trained on rows of `dataset_name` that hold no preference (see
`trainer.base_rows`), all weights, the matrices with Muon and the rest with AdamW. Rows grow as the training goes on,
from one candidate tool to five. What comes out is a folder as `from_pretrained` reads it; what a user prefers,
it does not know.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petoolbench import SETTINGS, render_messages
from trainer.base_rows import RowsWithoutPreference, reading_turn
from trainer.rows import gold_call
from trainer.running import run_script, say

if TYPE_CHECKING:
    import torch
    from trl import TrlParser

_HEADS = 4
_POSITION_STRENGTH = 5.0
_SLOWEST_FREQUENCY = 0.05  # radians a token; slower ones hardly tell neighbours apart
_PAST_PARAMETERS = re.compile(r'^\{"instruction": .*", "parameters": (.*)$', re.MULTILINE)
_TOKENIZER_ROWS = 1_500
# Until which share of the steps prompts have how many interactions, candidate tools and requests, at most.
_CURRICULUM = ((0.15, 0, 1, 1), (0.3, 1, 2, 2), (0.6, 2, 3, 3), (1.0, 4, 5, 3))
_SOURCE_WEIGHTS = (2, 1)  # of `dataset_name` and `renamed_dataset_name`
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
    from tqdm import tqdm

    from trainer.base_tokenizer import train_tokenizer

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
    batches = curriculum(sources, options, rng)
    for step, batch in enumerate(tqdm(batches, total=options.max_steps, desc="Base", unit="step")):
        loss, accuracy = call_loss(model, tokenizer, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, peak in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * learning_rate_share(step, options.max_steps)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if (step + 1) % options.logging_steps == 0:
            tqdm.write(f"step {step + 1}: loss {loss.item():.3f}, tokens of the calls right {accuracy:.1%}")
    folder = Path(options.output_dir)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    say(f"The base model is in {folder}.")


def train_rows(dataset: str) -> list[dict]:
    """Rows of the train split, of all settings."""
    from evaluator.data import load_rows

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


def curriculum(
    sources: list[RowsWithoutPreference], options: BaseArguments, rng: random.Random
) -> Iterator[list[list[dict]]]:
    """Each step's prompts, larger as the training goes on."""
    begun = 0
    for share, interactions, candidates, requests in _CURRICULUM:
        end = round(share * options.max_steps)
        for _ in range(begun, end):
            drawn_from = rng.choices(sources, _SOURCE_WEIGHTS[: len(sources)], k=options.batch_size)
            yield [source.draw(interactions, candidates, requests, rng) for source in drawn_from]
        begun = end


def call_loss(model: Any, tokenizer: Any, prompts: list[list[dict]]) -> tuple["torch.Tensor", float]:
    """Cross-entropy over the tokens of the calls, and the share of them that the model would have written.

    The gold calls count, and the parameters of past calls in the prompt: both are copied from a request.

    Args:
        prompts: for each, the rows that have it in common.
    """
    from torch.nn.functional import cross_entropy
    from torch.nn.utils.rnn import pad_sequence

    ids, labels = zip(*(tokens_and_labels(tokenizer, rows) for rows in prompts), strict=True)
    inputs = pad_sequence(list(ids), batch_first=True, padding_value=tokenizer.pad_token_id)
    targets = pad_sequence(list(labels), batch_first=True, padding_value=-100)[:, 1:]
    told = targets != -100
    # Padded on the right, and no mask: no token sees what comes after it. The head scores what is counted only.
    states = model.model(inputs, use_cache=False).last_hidden_state[:, :-1]
    scores = model.lm_head(states[told])
    return cross_entropy(scores, targets[told]), (scores.argmax(-1) == targets[told]).float().mean().item()


def tokens_and_labels(tokenizer: Any, rows: list[dict]) -> tuple["torch.Tensor", "torch.Tensor"]:
    """(length,) token ids of a prompt and its answers, and the same ids with -100 where there is no loss.

    Args:
        tokenizer: with a chat template.
        rows: that have the prompt in common; the second's request follows on the first's call, and so on. Last comes
            a question about the history, if there is one.
    """
    import torch

    system, *_ = render_messages(rows[0])
    turns = [(render_messages(row)[-1], gold_call(row)) for row in rows]
    if rows[0]["history"]:
        question, answer = reading_turn(rows[0])
        turns.append(({"role": "user", "content": question}, answer))
    ids: list[int] = []
    labels: list[int] = []
    for request, answer in turns:
        turn, past = _tokens_of_turn(tokenizer, [request] if ids else [system, request])
        begun = 1 if ids else 0  # the template begins with a token for a text's beginning
        told = [*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        ids += turn[begun:] + told
        labels += past[begun:] + told
    return torch.tensor(ids), torch.tensor(labels)


def _tokens_of_turn(tokenizer: Any, messages: list[dict]) -> tuple[list[int], list[int]]:
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    encoded = tokenizer(prompt, add_special_tokens=False, return_offsets_mapping=True)
    past = [match.span(1) for match in _PAST_PARAMETERS.finditer(prompt)]
    labels = [
        token if any(begin <= start and end <= stop for begin, stop in past) else -100
        for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ]
    return encoded["input_ids"], labels


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
