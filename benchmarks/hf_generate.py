"""Measure `hf:` against a loop that generates one prompt at a time, on prompts of the authors' released part.

    python benchmarks/hf_generate.py

The model is made for it, of random weights: 4 layers, 128 wide, with which reading a prompt takes about a tenth of the
loop's time, as it does with an 8B model on a GPU; and 256 wide, where it takes a fifth. Four heads share one of keys
and values. Its tokenizer of 4,000 tokens is trained on the prompts, which then have about as many tokens as with
real ones. It never ends a reply by itself: all are as long as is allowed, 256 tokens; a tool call has about 40.

Both ways use the same loaded model and options, greedily, and take turns, batch by batch, so that whatever else the
machine does hits both alike.
"""

import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import torch
from machine import heading, shared_file

from petoolbench import render_messages
from petoolkit.evaluator.models.hf_model import HfModel
from petoolkit.evaluator.models.model import Prompt
from petoolkit.evaluator.prompts.window import prompt_for
from petoolkit.released import read_released
from petoolkit.text import markdown_table

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from tiny_model import make_tiny_model

MEASURED = [(128, 256, 300), (128, 40, 100), (256, 256, 100)]  # width, tokens of a reply, prompts
WINDOW, VOCABULARY = 4_000, 4_000


def make_model(folder: Path, texts: list[str], width: int) -> Path:
    """A model of random weights whose next tokens are far enough apart to be told from rounding."""
    shape = {"hidden_size": width, "intermediate_size": width * 11 // 4, "max_position_embeddings": 16_384}
    layers = {"num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 1}
    return make_tiny_model(folder / str(width), texts, VOCABULARY, initializer_range=0.1, **shape, **layers)


def both_ways(folder: Path, rows: list[dict], new_tokens: int) -> list[list]:
    """Two lines of the table."""
    model = HfModel(str(folder), temperature=0, max_new_tokens=new_tokens, seed=0)
    prompts = [prompt_for(row, 0, model.count_tokens, WINDOW) for row in rows]
    one_by_one(model, prompts[0])  # warms up
    alone = batched = 0.0
    tokens = equal = 0
    answers = model.answer_all(prompts)
    for _ in prompts:
        started = time.perf_counter()
        answer = next(answers)
        between = time.perf_counter()
        equal += one_by_one(model, answer.prompt) == answer.reply
        alone += time.perf_counter() - between
        batched += between - started
        tokens += answer.prompt_tokens or 0
    asked = [folder.name, f"{len(prompts)} of {tokens / len(prompts):,.0f}", new_tokens]
    return [
        [*asked, "one at a time", f"{alone:.0f} s", f"{len(prompts) / alone:.2f}", "", ""],
        [*asked, "hf:", f"{batched:.0f} s", f"{len(prompts) / batched:.2f}", f"{alone / batched:.1f}", equal],
    ]


def one_by_one(model: HfModel, prompt: Prompt) -> str:
    """A prompt's reply as the authors' script gets it, but greedily and with one BOS."""
    ids = torch.tensor([model._chat.encode(prompt.messages)])
    with torch.no_grad():
        written = model._model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=model._config)
    return model._chat.tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True)


def main() -> None:
    rows = [row for row, _ in islice(read_released(shared_file("official_test_dev.json.gz")), 300)]
    texts = [render_messages(row)[0]["content"] for row in rows]
    print(heading("Prompts one at a time and in batches", "torch", "transformers"))
    with tempfile.TemporaryDirectory() as name:
        folders = {width: make_model(Path(name), texts, width) for width in {width for width, *_ in MEASURED}}
        lines = [line for width, new, number in MEASURED for line in both_ways(folders[width], rows[:number], new)]
    columns = [
        "width",
        "prompts of tokens",
        "reply tokens",
        "way",
        "time",
        "prompts a second",
        "times",
        "equal replies",
    ]
    print(f"{torch.get_num_threads()} threads\n\n{markdown_table(columns, lines)}")


if __name__ == "__main__":
    main()
