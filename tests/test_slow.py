"""`make test-slow`: an environment with datasets 3.6, and real tool documents."""

import gzip
import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from conftest import ROOT
from petoolkit.builder.pipeline import build
from petoolkit.builder.recipe import load_recipe
from rich.console import Console

from petoolbench import ToolName

pytestmark = pytest.mark.slow

IN_DATASETS_3 = """
import sys
import datasets
from datasets import load_dataset
assert datasets.__version__ == "3.6.0"
import petoolbench
for setting in petoolbench.SETTINGS:
    by_name = load_dataset("petoolbench", setting)
    assert sum(rows.num_rows for rows in by_name.values()) == 20 and len(by_name) == 2, by_name
    assert by_name["test"].features == petoolbench.FEATURES
    streamed = load_dataset("petoolbench", setting, streaming=True)
    assert list(streamed["test"]) == by_name["test"].to_list()
    as_script = load_dataset("petoolbench.py", setting, trust_remote_code=True)
    of_a_run = load_dataset("petoolbench.py", setting, data_dir="run", trust_remote_code=True)
    builder = petoolbench.PEToolBench(config_name=setting, data_dir="run")
    builder.download_and_prepare()
    for other in (as_script, of_a_run, builder.as_dataset()):
        assert other["train"].to_list() == by_name["train"].to_list()
chat = load_dataset("petoolbench", "chat")
assert all(chat[split].num_rows == 3 * rows.num_rows for split, rows in by_name.items()) and len(chat) == 2, chat
row = next(row for row in chat["test"] if row["setting"] == setting)
assert row["prompt"] == petoolbench.render_messages(by_name["test"][by_name["test"]["id"].index(row["id"])]), row
print("loaded in every way")
"""


def test_the_dataset_loads_in_datasets_3_too(tmp_path):
    """In an environment of its own, as a user of 3.6 has it: by name, streamed, and as a script."""
    recipe = load_recipe(ROOT / "recipes/build/quickstart.yaml", users=20)
    build(recipe, tmp_path / "run", tmp_path / "petoolbench", Console(quiet=True))
    (tmp_path / "petoolbench.py").write_bytes((ROOT / "petoolbench.py").read_bytes())
    environment = ROOT / ".venv-datasets3"
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "datasets==3.6.0"], check=True)
    result = subprocess.run(
        [python, "-c", IN_DATASETS_3],
        cwd=tmp_path,
        env={**os.environ, "HF_HOME": str(tmp_path / "home"), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert "loaded in every way" in result.stdout, result.stderr[-3_000:]


def test_real_tool_documents_become_a_benchmark(rapidapi_tools, tmp_path):
    """Two categories are enough: some thousand documents, junk included."""
    sample = tmp_path / "tools.jsonl"
    with gzip.open(rapidapi_tools, "rt", encoding="utf-8") as lines, sample.open("w", encoding="utf-8") as kept:
        kept.writelines(
            islice((line for line in lines if json.loads(line)["category"] in ("Weather", "Finance")), 4_000)
        )
    recipe = load_recipe(ROOT / "recipes/build/rapidapi.yaml", users=60, catalogue=[str(sample)])
    build(recipe, tmp_path / "run", tmp_path / "petoolbench", Console(quiet=True))
    rows = [json.loads(line) for line in Path(tmp_path, "run", "export.jsonl").read_text().splitlines()]
    assert 180 <= sum(row["kind"] == "preference" for row in rows) <= 3 * 63  # blocks stay whole
    for row in rows:
        gold = next(t for t in row["candidate_tools"] if t["tool_name"] == row["tool_call"]["tool_name"])
        required = {parameter["name"] for parameter in gold["required_parameters"]}
        named = required | {parameter["name"] for parameter in gold["optional_parameters"]}
        assert required <= json.loads(row["tool_call"]["parameters"]).keys() <= named
        same = [tool for tool in row["candidate_tools"] if tool["tool_name"] in row["same_function_tools"]]
        assert len({ToolName.parse(tool["tool_name"])[:2] for tool in same}) == len(same) >= 2
        assert len({tool["provider_description"] for tool in same}) == len(same)


def test_dpo_without_options_makes_what_it_lacks_and_then_takes_it(tmp_path):
    """A base model of random weights, SFT, pairs and DPO, as in the quick start, on a smaller benchmark."""
    recipe = load_recipe(ROOT / "recipes/build/quickstart.yaml", users=60)
    build(recipe, tmp_path / "run", tmp_path / "petoolbench", Console(quiet=True))
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes=1", ROOT / "trainer" / "dpo.py"]

    def launched() -> str:
        result = subprocess.run(launch, cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr[-3_000:]
        return result.stdout

    first, second = launched(), launched()
    for stage in ("base", "sft", "pairs"):
        made_how = "a model of random weights" if stage == "base" else f"it with trainer/{stage}.py"
        assert f"runs/tiny/{stage} is missing: making {made_how}." in first
        assert f"Taking runs/tiny/{stage} as it is." in second
    for stage in ("sft", "dpo"):
        facts = json.loads((tmp_path / "runs/tiny" / stage / "training.json").read_text())
        assert facts["counts"]["rows to train on"] > 100
        for made in ("adapter_model.safetensors", "README.md", "curves.png"):
            assert (tmp_path / "runs/tiny" / stage / made).stat().st_size > 0
        if stage == "sft":
            assert facts["numbers"]["eval_loss, last logged"] < facts["numbers"]["eval_loss, first logged"]
        else:
            assert facts["numbers"]["loss, first logged"] == pytest.approx(0.693147, abs=1e-3)


def test_dpo_without_options_nor_dataset_says_where_to_get_one(tmp_path):
    result = subprocess.run(
        [sys.executable, ROOT / "trainer" / "dpo.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "there is no dataset folder petoolbench/ here; run `petoolbench quickstart` first." in result.stderr
    assert "Traceback" not in result.stderr
