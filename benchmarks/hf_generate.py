"""Measure `hf:` against a loop that generates one prompt at a time, on 300 prompts of the authors' released part.

    python benchmarks/hf_generate.py

The model is made for it: 4 layers, 256 wide, 4 heads over 1 of keys and values, as Llama 3 shares them, random weights,
and a tokenizer of 4,000 tokens trained on the prompts, with which they have about as many tokens as with real models'.
It never ends a reply by itself, so all replies have the longest length; a tool call has about 40 tokens. Both ways use
the same loaded model, weights and options, greedily, and take turns, batch by batch, so that whatever else the machine
does hits both alike. The loop's time is that of `generate` alone.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from machine import heading, shared_file

from builder.report import markdown_table
from evaluator.hf_model import HfModel
from evaluator.model import Prompt
from evaluator.window import prompt_for
from petoolbench import read_released_rows, render_messages

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from tiny_model import make_tiny_model

PROMPTS, WINDOW = 300, 4_000
VOCABULARY = 4_000
SIZES = {
    "hidden_size": 256,
    "intermediate_size": 704,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
}


def both_ways(folder: Path, rows: list[dict], new_tokens: int) -> list[list]:
    """Two lines of the table."""
    model = HfModel(str(folder), temperature=0, max_new_tokens=new_tokens, seed=0)
    prompts = [prompt_for(row, 0, model.count_tokens, WINDOW) for row in rows]
    one_by_one(model, prompts[0])  # warms up
    batched = alone = 0.0
    equal, lengths = 0, []
    answers = model.answer_all(prompts)
    for _ in prompts:
        started = time.perf_counter()
        answer = next(answers)
        between = time.perf_counter()
        reply = one_by_one(model, answer.prompt)
        alone += time.perf_counter() - between
        batched += between - started
        equal += reply == answer.reply
        lengths.append(answer.prompt_tokens)
        print(f"\r{len(lengths)} prompts", end="", file=sys.stderr)
    told = f"{statistics.mean(lengths):,.0f} + {new_tokens}"
    return [
        [told, "one at a time", f"{alone:.0f} s", f"{len(prompts) / alone:.2f}", "", ""],
        [told, "hf:", f"{batched:.0f} s", f"{len(prompts) / batched:.2f}", f"{alone / batched:.1f}", equal],
    ]


def one_by_one(model: HfModel, prompt: Prompt) -> str:
    """A prompt's reply as the authors' script gets it, but greedily and with one BOS."""
    ids = torch.tensor([model._chat.encode(prompt.messages)])
    with torch.no_grad():
        written = model._model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=model._config)
    return model._chat.tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True)


def main() -> None:
    source = shared_file("official_test_dev.json.gz")
    rows = [row for row, _ in zip(read_released_rows(source), range(PROMPTS), strict=False)]
    print(heading(f"{PROMPTS} prompts, one at a time and in batches", "torch", "transformers"))
    with tempfile.TemporaryDirectory() as name:
        texts = [render_messages(row)[0]["content"] for row in rows]
        folder = make_tiny_model(Path(name), texts, VOCABULARY, initializer_range=0.1, **SIZES)
        lines = [line for new_tokens in (256, 40) for line in both_ways(folder, rows, new_tokens)]
    print(f"\r{torch.get_num_threads()} threads; lengths in tokens, prompt + reply\n")
    print(markdown_table(["lengths", "way", "time", "prompts a second", "times as fast", "equal replies"], lines))


if __name__ == "__main__":
    main()
