"""`make test-slow`: a build and an evaluation ask a server that nobody here wrote; its model's words are noise."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, row
from serving import transformers_serve
from tiny_model import make_tiny_model

pytestmark = pytest.mark.slow

FUNCTIONS = {
    "city": "Returns the weather in a city",
    "team": "Lists the results of a football team",
    "song": "Finds the words of a song",
    "dish": "Suggests recipes for a dish",
    "word": "Translates a word into Latin",
    "street": "Draws a map around a street",
}
PROVIDERS = {
    "Alder": "Free of charge, for students",
    "Birch": "Fast, for companies",
    "Cedar": "Private, keeps nothing",
}
TOOLS = len(FUNCTIONS) * len(PROVIDERS)
USERS, DRAWN = 2, 10  # a build draws five users for each one asked for, then gives up
ATTEMPTS, LONGEST_REPLY = 2, 16  # at a valid reply; tokens
TOO_FEW = f"of {DRAWN} users drawn, only 0 of the {USERS} asked for were accepted"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """The folder of a model with random weights; it ends most replies by itself, some are cut off."""
    from transformers import GenerationConfig

    folder = make_tiny_model(tmp_path_factory.mktemp("model"), [(ROOT / "LICENSE").read_text()], vocabulary=1_000)
    generation = GenerationConfig.from_pretrained(folder)
    generation.exponential_decay_length_penalty = (LONGEST_REPLY // 2, 1.5)
    generation.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def base_url(model) -> Iterator[str]:
    """The endpoint of a server that serves `model`, under the name of its folder."""
    with transformers_serve(model) as url:
        yield url


@pytest.mark.parametrize(
    ("by_the_model", "task", "jobs", "sentence"),
    [
        (("understand", "history", "instruct"), "example", TOOLS, f"none of the {TOOLS} tools was understood"),
        (("history", "instruct"), "history_preferred_only", 3 * DRAWN, TOO_FEW),
        (("instruct",), "instruction", DRAWN, TOO_FEW),
    ],
    ids=["understand", "history", "instruct"],
)
def test_a_build_survives_a_model_whose_words_are_noise(tmp_path, model, base_url, by_the_model, task, jobs, sentence):
    """Everything asked of it is rejected, with what it said; the build ends with one sentence."""
    command = [sys.executable, "-m", "petoolbench_cli", "build", "--recipe", write_recipe(tmp_path, by_the_model)]
    command += ["--users", str(USERS), "--model", model, "--base-url", base_url]
    command += ["--run", tmp_path / "run", "--dataset", tmp_path / "petoolbench"]
    environment = {**os.environ, "OPENAI_API_KEY": "any: the server asks for none"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith(f"Error: {sentence}"), result.stderr

    (file,) = (tmp_path / "run").glob(f"?-{by_the_model[0]}.jsonl")
    rejected = [json.loads(line) for line in file.read_text().splitlines()]
    assert {record["rejected"] for record in rejected} == {f"invalid reply after {ATTEMPTS} attempts ({task})"}
    for record in rejected:
        wrong, said = record["raw_reply"].split("\n", maxsplit=1)
        assert wrong.startswith(("it holds no JSON", "it is not valid JSON", "it was cut off")) and said

    usage = json.loads((tmp_path / "run" / "usage.json").read_text())
    assert usage.keys() == {by_the_model[0], "total"}, "nothing is asked about what was rejected"
    assert usage["total"]["calls"] == jobs * ATTEMPTS, "users drawn before are not asked about again"
    assert jobs * ATTEMPTS < usage["total"]["completion_tokens"] <= jobs * ATTEMPTS * LONGEST_REPLY
    assert usage["total"]["prompt_tokens"] > usage["total"]["completion_tokens"]
    assert not (tmp_path / "petoolbench").exists()


def write_recipe(folder: Path, by_the_model: tuple[str, ...]) -> Path:
    """A recipe whose stages `by_the_model` are written by the language model, and its catalogue."""
    tools = [
        {
            "category": "Data",
            "tool": provider,
            "tool_description": description,
            "api": f"by {parameter}",
            "api_description": function,
            "required_parameters": [{"name": parameter, "type": "STRING", "description": f"Name of the {parameter}"}],
        }
        for parameter, function in FUNCTIONS.items()
        for provider, description in PROVIDERS.items()
    ]
    (folder / "tools.json").write_text(json.dumps(tools))
    recipe = {
        "design": "paper",
        "catalogue": [str(folder / "tools.json")],
        "author": dict.fromkeys(by_the_model, "openai"),
        "users": 1,
        "group": {"eps": 0.2},
        "history": {"min_length": 2, "max_length": 3},
        "llm": {"max_tokens": LONGEST_REPLY, "attempts": ATTEMPTS},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return folder / "recipe.yaml"


@pytest.mark.parametrize("protocol", ["prompt", "tools"])
def test_an_evaluation_counts_every_row_of_a_model_whose_words_are_noise(tmp_path, model, base_url, protocol):
    """And goes on without asking again; native tools are taken, and answered in text."""
    rows = [row(f"u{n}", "chronological", "Aerwyn", [past_call("Aerwyn")], group=f"g{n}") for n in range(4)]
    write_dataset(tmp_path / "petoolbench", [("test", one) for one in rows], lambda: DATASET_FACTS)
    command = [sys.executable, "-m", "petoolbench_cli", "evaluate", "--dataset", tmp_path / "petoolbench"]
    command += ["--setting", "chronological", "--model", f"openai:{model}", "--base-url", base_url]
    command += ["--protocol", protocol, "--max-new-tokens", str(LONGEST_REPLY), "--out", tmp_path / "out"]
    environment = {**os.environ, "OPENAI_API_KEY": "any: the server asks for none"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    scored = json.loads((tmp_path / "out" / "scores.json").read_text())
    counts = scored["counts"]["all"]
    assert counts["missing"] == 0 and counts["unreadable"]["robust"] == len(rows)
    assert scored["scores"]["all"]["robust"]["IF"]["value"] == 1
    assert scored["usage"]["prompt_tokens"] > 0
    again = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "4 replies are there already, 0 are asked for." in again.stderr
