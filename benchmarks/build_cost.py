"""Work out what a paper-sized build would ask of a language model: calls, tokens, cost, from a preview of 40 users.

    python benchmarks/build_cost.py

No model is asked: a scripted server answers by rules, with replies of a true form and length, and counts a token for
each 3.8 characters (`petoolkit.evaluator.models.openai_model` says why). The prompts are the real ones, prices are the
recipe's, and a call is taken to last 4 seconds.
"""

import os
import sys
import tempfile
from pathlib import Path

from machine import heading, shared_file
from rich.console import Console

TESTS = Path(__file__).parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from fake_model import good_answer  # noqa: E402
from petoolkit.builder.preview import preview  # noqa: E402
from petoolkit.builder.recipe import load_recipe  # noqa: E402
from scripted_server import ScriptedServer, text_of  # noqa: E402

from petoolkit.evaluator.models.openai_model import CHARACTERS_A_TOKEN  # noqa: E402
from petoolkit.evaluator.score_tables import estimate_table  # noqa: E402
from petoolkit.store import EMBEDDINGS, cache_folder  # noqa: E402

TRIED = 40
SECONDS_A_CALL = 4  # assumed; this server answers at once
RECIPE = Path(__file__).parent.parent / "recipes" / "build" / "rapidapi-openai.yaml"


def answer(body: dict) -> dict:
    """A valid reply, with tokens counted by its characters."""
    content = good_answer(body)
    sent = round(sum(len(text_of(message)) for message in body["messages"]) / CHARACTERS_A_TOKEN)
    written = round(len(content) / CHARACTERS_A_TOKEN)
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    usage = {"prompt_tokens": sent, "completion_tokens": written, "total_tokens": sent + written}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def main() -> None:
    catalogue = shared_file("rapidapi_tools.jsonl.gz")
    print(heading(f"A paper-sized build, estimated from {TRIED} users and {TRIED} tools", "openai"))
    with tempfile.TemporaryDirectory() as folder, ScriptedServer(answer) as server:
        if (embeddings := cache_folder() / EMBEDDINGS).exists():
            Path(folder, EMBEDDINGS).symlink_to(embeddings.resolve())
        os.environ |= {"OPENAI_API_KEY": "none", "PETOOLBENCH_CACHE": folder}
        recipe = load_recipe(RECIPE, {"base_url": server.url}, catalogue=[str(catalogue)])
        seen = preview(recipe, TRIED, Console(stderr=True))
    for line in seen.estimate:
        line["seconds"] = line["calls"] * SECONDS_A_CALL / recipe.llm.concurrency
    Console(width=100).print(estimate_table(seen.estimate))


if __name__ == "__main__":
    main()
