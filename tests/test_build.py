"""The whole build on the embedded catalogue: equal bytes, resumed after a kill, redone only where changed."""

import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from inspect import signature
from pathlib import Path

import datasets
import pytest
from conftest import ROOT
from petoolkit.builder.authors import AUTHORS
from petoolkit.builder.designs import DESIGNS
from petoolkit.builder.pipeline import build
from petoolkit.builder.recipe import load_recipe
from petoolkit.builder.stage_arguments import FromRecipe, Materials
from petoolkit.builder.stage_code import source_files
from petoolkit.builder.traits import TRAITS
from rich.console import Console

import petoolbench
from petoolbench import InputError
from petoolkit.block_rules import broken_rules
from petoolkit.dataset_record import DatasetRecord, read_dataset_record

QUICKSTART = Path("recipes/build/quickstart.yaml")
USERS = 24
STAGES = DESIGNS["controlled"].stages


def recipe(**overrides):
    return load_recipe(QUICKSTART, **{"users": USERS, **overrides})


def quiet_build(folder: Path, **overrides):
    return build(recipe(**overrides), folder / "run", folder / "petoolbench", Console(quiet=True))


def parquet_bytes(dataset: Path) -> dict[str, bytes]:
    return {str(file.relative_to(dataset)): file.read_bytes() for file in sorted(dataset.rglob("*.parquet"))}


def load(folder: Path, monkeypatch, setting: str, **options):
    """As a user does: by name, from the folder that holds the dataset."""
    monkeypatch.chdir(folder)
    return datasets.load_dataset("petoolbench", setting, **options)


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """A folder with `run/` and `petoolbench/`; tests that change it copy it first."""
    folder = tmp_path_factory.mktemp("built")
    quiet_build(folder)
    return folder


def test_each_config_loads_by_name_with_the_promised_columns(built, monkeypatch):
    for setting in petoolbench.SETTINGS:
        loaded = load(built, monkeypatch, setting)
        sizes = {split: rows.num_rows for split, rows in loaded.items()}
        assert sum(sizes.values()) == USERS and sizes["test"] in (4, 8)
        assert loaded["test"].features == petoolbench.FEATURES
        streamed = load(built, monkeypatch, setting, streaming=True)
        assert list(streamed["test"]) == loaded["test"].to_list()
        for row in loaded["train"]:
            assert petoolbench.breaches(row, of_a_build=True) == []
            assert petoolbench.setting_of(row) == setting


def test_the_dataset_holds_no_code(built):
    suffixes = {file.suffix for file in (built / "petoolbench").rglob("*") if file.is_file()}
    assert suffixes == {".md", ".parquet", ".json"}


def rows_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "run" / "export.jsonl").read_text().splitlines()]


def test_rows_keep_their_promises(built):
    rows = rows_of(built)
    assert len({row["id"] for row in rows}) == len(rows)
    assert Counter(row["kind"] for row in rows)["preference"] == 3 * USERS
    assert all(len(row["candidate_tools"]) == 10 for row in rows)
    blocks: dict[str, list] = {}
    for row in rows:
        blocks.setdefault(row["block_id"], []).append(row)
    for block in blocks.values():
        assert len({row["split"] for row in block}) == 1
        assert broken_rules(block, is_crossed=True) == []
        preferences = [row for row in block if row["kind"] == "preference"]
        assert len(preferences) == 3 * len(preferences[0]["same_function_tools"])
        for column in ("instruction", "candidate_tools", "same_function_tools"):
            assert all(row[column] == preferences[0][column] for row in preferences)


def test_no_provider_of_the_test_splits_candidates_stands_in_training(built):
    rows = rows_of(built)
    held_out = {petoolbench.provider_of(t) for r in rows if r["split"] == "test" for t in r["candidate_tools"]}
    shown = {
        petoolbench.provider_of(tool)
        for row in rows
        if row["split"] == "train"
        for tool in [*row["candidate_tools"], *row["history"]]
    }
    assert held_out and shown and not held_out & shown


@pytest.mark.parametrize(
    ("given", "drawn", "spare"),
    [({}, 200, 14), ({}, 230, 0), ({"author": "openai"}, 200, 0)],
)
def test_spare_users_are_drawn_in_the_first_round_if_rules_write(tmp_path, given, drawn, spare):
    materials = Materials(recipe(users=200, **given), tmp_path, None, print)
    materials.drawn = drawn
    assert materials.spare == spare


def test_other_kinds_of_rows_are_a_config_of_their_own(tmp_path, monkeypatch):
    changed = recipe()
    changed.blocks.override_share = changed.blocks.no_preference_share = 1
    build(changed, tmp_path / "run", tmp_path / "petoolbench", Console(quiet=True))
    rows = [row for split in load(tmp_path, monkeypatch, "selectivity").values() for row in split]
    assert {row["kind"] for row in rows} == {"override", "no_preference"}
    for row in rows:
        taste = json.loads(row["taste"])
        if row["kind"] == "override":
            needed = row["tool_call"]["tool_name"]
            assert taste["tool"] in row["same_function_tools"] and taste["tool"] != needed
            needs = {need for trait in taste["tool_traits"][needed] for need in TRAITS[trait].needs}
            assert any(row["instruction"].endswith(need) for need in needs)
        else:
            assert taste["tool"] is None and row["acceptable_tools"] == row["same_function_tools"]
            shown = {trait for name in row["same_function_tools"] for trait in taste["tool_traits"][name]}
            assert not shown & {trait for traits in taste["call_traits"] for trait in traits}


def test_instructions_name_no_tool_and_no_provider(built):
    for line in (built / "run" / "export.jsonl").read_text().splitlines():
        row = json.loads(line)
        for tool in row["same_function_tools"]:
            name = petoolbench.ToolName.parse(tool)
            assert name.provider.lower() not in row["instruction"].lower()
            assert name.api.lower() not in row["instruction"].lower()


def test_every_value_of_the_gold_call_stands_in_the_instruction(built):
    for line in (built / "run" / "export.jsonl").read_text().splitlines():
        row = json.loads(line)
        for value in json.loads(row["tool_call"]["parameters"]).values():
            if isinstance(value, bool):
                continue  # said in words: "add the taxes"
            assert (value if isinstance(value, str) else json.dumps(value)) in row["instruction"]


def test_the_same_build_elsewhere_gives_the_same_bytes(built, tmp_path):
    quiet_build(tmp_path)
    assert parquet_bytes(tmp_path / "petoolbench") == parquet_bytes(built / "petoolbench")


def test_a_second_build_does_nothing_and_says_so(tmp_path):
    console = Console(record=True, file=io.StringIO(), width=200)
    quiet_build(tmp_path)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "petoolbench").rglob("*") if file.is_file()}
    again = build(recipe(), tmp_path / "run", tmp_path / "petoolbench", console)
    assert again.redone == []
    assert "Nothing has changed" in console.export_text()
    assert before == {
        file: file.stat().st_mtime_ns for file in (tmp_path / "petoolbench").rglob("*") if file.is_file()
    }


@pytest.mark.parametrize(
    ("section", "key", "value", "redone"),
    [
        ("export", "documents", "brief", ["export"]),
        ("export", "split", "user", ["blocks", "history", "instruct", "export"]),
        ("candidates", "number", 8, ["blocks", "history", "instruct", "export"]),
        ("blocks", "calls_per_trait", (2, 2), ["blocks", "history", "instruct", "export"]),
        ("group", "eps", 0.25, ["group", "blocks", "history", "instruct", "export"]),
    ],
)
def test_a_changed_setting_redoes_only_what_depends_on_it(tmp_path, section, key, value, redone):
    quiet_build(tmp_path)
    changed = recipe()
    setattr(getattr(changed, section), key, value)
    run = build(changed, tmp_path / "run", tmp_path / "petoolbench", Console(quiet=True))
    assert [stage for stage in STAGES if stage in run.redone] == redone


def test_another_seed_gives_other_rows_and_load_dataset_sees_them(tmp_path, monkeypatch):
    """The cache of `datasets` goes by the folder's name and the card's YAML: the content must show in it."""
    quiet_build(tmp_path)
    first = load(tmp_path, monkeypatch, "chronological")["test"].to_list()
    monkeypatch.undo()
    quiet_build(tmp_path, seed=7)
    second = load(tmp_path, monkeypatch, "chronological")["test"].to_list()
    written = [json.loads(line) for line in (tmp_path / "run" / "export.jsonl").read_text().splitlines()]
    assert second != first
    assert [row["id"] for row in second] == [
        row["id"] for row in written if row["split"] == "test" and petoolbench.config_of(row) == "chronological"
    ]
    assert {row["instruction"] for row in second} <= {row["instruction"] for row in written}


def test_an_edited_run_is_read_again_by_the_builder_class(built, tmp_path):
    """The cache key of `PEToolBench` holds the files' sizes and times."""
    line = (built / "run" / "export.jsonl").read_text().splitlines()[0]
    for instruction in ("First thing.", "Another thing."):
        row = {**json.loads(line), "instruction": instruction, "split": "test"}
        (tmp_path / "export.jsonl").write_text(json.dumps(row) + "\n")
        builder = petoolbench.PEToolBench(config_name=petoolbench.setting_of(row), data_dir=str(tmp_path))
        builder.download_and_prepare()
        assert builder.as_dataset()["test"]["instruction"][:] == [instruction]


def test_the_builder_class_reads_a_run_as_load_dataset_reads_the_dataset(built, monkeypatch):
    builder = petoolbench.PEToolBench(config_name="rating_integrated", data_dir=str(built / "run"))
    builder.download_and_prepare()
    assert builder.as_dataset()["train"].to_list() == load(built, monkeypatch, "rating_integrated")["train"].to_list()


@pytest.mark.parametrize("killed_in", ["2-understand", "3-group", "4-blocks", "5-history", "petoolbench"])
def test_a_killed_build_goes_on_and_gives_the_same_bytes(built, tmp_path, killed_in):
    """SIGKILL as soon as the stage (or the dataset) is being written."""
    for _ in range(5):  # a busy machine may look too late
        if kill_while_writing(tmp_path, killed_in):
            break
        shutil.rmtree(tmp_path / "run")
        shutil.rmtree(tmp_path / "petoolbench")
    else:
        pytest.fail("the build always ended before it could be killed")
    quiet_build(tmp_path)
    assert parquet_bytes(tmp_path / "petoolbench") == parquet_bytes(built / "petoolbench")
    assert not list(tmp_path.rglob(".*")), "what the killed build left is still there"


def kill_while_writing(folder: Path, name: str) -> bool:
    """Build in a process of its own and kill it while it writes `name`; whether that was in time."""
    command = [sys.executable, "-m", "petoolbench_cli", "build", "--users", str(USERS)]
    command += ["--run", str(folder / "run"), "--dataset", str(folder / "petoolbench")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    parent = folder if name == "petoolbench" else folder / "run"
    while process.poll() is None and not list(parent.glob(f".{name}*")):
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL and not (folder / "petoolbench").exists()


@pytest.mark.parametrize("split", ["tool", "function"])
def test_gold_tools_or_functions_of_the_test_split_are_not_asked_for_in_training(tmp_path, split):
    changed = recipe(users=40)
    changed.export.split = split
    build(changed, tmp_path / "run", tmp_path / "petoolbench", Console(quiet=True))
    rows = [json.loads(line) for line in (tmp_path / "run" / "export.jsonl").read_text().splitlines()]
    unit = {"tool": lambda row: row["tool_call"]["tool_name"], "function": lambda row: row["group_id"]}[split]
    assert not {unit(row) for row in rows if row["split"] == "test"} & {unit(r) for r in rows if r["split"] == "train"}
    assert 0.15 <= Counter(row["split"] for row in rows)["test"] / len(rows) <= 0.4


def test_the_report_and_the_card_tell_what_was_done(built):
    report = (built / "run" / "report.md").read_text()
    for said in ("kept: 1,284", "| **0.35** |", "| 0.15 |", "blocks: 6", "gold tool's position (rows)"):
        assert said in report
    card = (built / "petoolbench" / "README.md").read_text()
    for said in ("Rules wrote this data", "seed: 42", "| collect | read | 1284 |", '"petoolbench", "chronological"'):
        assert said in card
    assert "llm:" not in card, "no language model was asked"
    assert "{{ " not in card and "{%" not in card and str(built) not in card


# --- what a stage's key holds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("design", "stage"),
    [(design, stage) for design in DESIGNS.values() for stage in design.stages.values()],
    ids=lambda part: part.name,
)
def test_a_stage_is_given_what_its_entry_declares_and_nothing_else(design, stage):
    stages = list(design.stages)
    assert signature(stage.make).parameters.keys() == stage.arguments.keys()
    assert set(stage.inputs) <= set(stages[: stages.index(stage.name)])


def test_a_key_of_the_recipe_that_is_not_declared_cannot_be_read():
    class Materials:
        recipe = recipe()

    declared = FromRecipe("history", only=("min_length", "max_length"))
    given = declared.value(Materials, None)
    assert {"min_length": given.min_length, "max_length": given.max_length} == declared.key(Materials)
    with pytest.raises(AttributeError):
        given.max_disliked  # noqa: B018


@pytest.mark.parametrize(
    ("module", "holds", "lacks"),
    [
        ("stages.prefer", {"prefer.py", "tools.py", "record_rng.py", "petoolbench.py"}, {"group.py", "embedding.py"}),
        ("stages.export", {"export.py", "row_statistics.py"}, {"prefer.py", "tools.py"}),
        ("stages.blocks", {"blocks.py", "block_pool.py", "traits.py", "traits.yaml"}, {"group.py", "embedding.py"}),
        ("catalogue.catalogue_files", {"rapidapi.py", "toolbench.py", "embedded_catalogue.py"}, {"collect.py"}),
        (
            "authors.offline",
            {"offline.py", "offline_phrases.py", "offline_functions.py", "offline_values.py"},
            {"openai.py", "collect.py"},
        ),
        (
            "authors.openai",
            {"openai.py", "author_prompts.py", "author_replies.py"},
            {"offline.py", "ask.py", "text.py"},
        ),
    ],
)
def test_code_is_what_a_module_imports_of_ours(module, holds, lacks):
    names = {file.name for file in source_files([f"petoolkit.builder.{module}"])}
    assert holds <= names and not lacks & names
    assert not {"petoolbench_cli.py", "build_report.py", "preview.py", "pipeline.py", "recipe.py"} & names


def test_the_data_of_an_author_counts_as_its_code():
    assert [file.name for file in AUTHORS["offline"].files()] == ["offline_values.yaml", "offline_words.yaml"]
    assert "instruction.jinja" in [file.name for file in AUTHORS["openai"].files()]


CHANGES = {
    "builder/build_report.py": [],
    "builder/pipeline.py": [],
    "builder/authors/openai.py": [],
    "petoolbench_cli.py": [],
    "petoolkit/text.py": ["blocks"],
    "builder/stages/blocks.py": ["blocks"],
    "builder/traits.yaml": ["understand", "blocks", "history", "instruct"],
    "builder/authors/offline_words.yaml": ["understand", "history", "instruct"],
    "builder/tools.py": ["group", "blocks"],
    "builder/understood_tools.py": ["group", "blocks", "history", "instruct", "export"],
    "builder/authors/prompts/example.jinja": [],
    "petoolkit/embedding.py": [],
}
SCRIPT = """
import json, sys
from pathlib import Path
from rich.console import Console
from petoolkit.builder.pipeline import build
from petoolkit.builder.recipe import load_recipe

def redone():
    recipe = load_recipe(Path("recipes/build/quickstart.yaml"), users=5)
    return build(recipe, Path("run"), Path("petoolbench"), Console(quiet=True)).redone

done = {"first": redone()}
for name in sys.argv[1:]:
    file = Path(name)
    before = file.read_text()
    file.write_text(before + "# A comment more.\\n")
    done[name] = redone()
    file.write_text(before)
    redone()
print(json.dumps(done))
"""


def test_changed_code_redoes_only_the_stages_that_run_it(tmp_path):
    """The rows come out the same here, so what follows a redone stage is not done again."""
    for name in ("builder", "petoolkit", "recipes", "petoolbench.py", "petoolbench_cli.py", "dataset_card.md"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    command = [sys.executable, "-c", SCRIPT, *CHANGES]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    redone = json.loads(done.stdout)
    assert redone.pop("first") == list(STAGES)
    assert redone == CHANGES


def test_a_further_setting_needs_no_change_of_the_builder(tmp_path, monkeypatch):
    further = petoolbench.Setting("further", "", "Calls, rated, disliked first:", dislikes="first", is_rated=True)
    monkeypatch.setitem(petoolbench.SETTINGS, "further", further)
    quiet_build(tmp_path)
    rows = load(tmp_path, monkeypatch, "further")["train"].to_list()
    assert len(rows) in (16, 20)
    for row in rows:
        ratings = [call["rating"] for call in row["history"]]
        assert ratings == sorted(ratings) and set(ratings) == {0, 1}
    card = (tmp_path / "petoolbench" / "README.md").read_text()
    assert '"further")  # or "preferred_only"' in card and "in `rating_integrated`, `further` and" in card


# --- the record, and what stands in the folder ----------------------------------------------------------------------


def test_the_record_says_how_the_dataset_came_about(built):
    record = read_dataset_record(str(built / "petoolbench"))
    assert (record.origin, record.author, record.split) == ("build", "offline", "provider")
    assert (record.recipe["seed"], record.recipe["users"], record.recipe["catalogue"]) == (42, USERS, ["embedded"])
    assert record.counts["export"]["preference rows"] == 3 * USERS and record.counts["collect"]["read"] == 1_284
    assert record.recipe["design"] == "controlled" and "prefer" not in record.recipe
    assert "llm" not in record.recipe and str(built) not in record.model_dump_json()


def test_a_changed_record_is_written_anew(tmp_path):
    quiet_build(tmp_path)
    file = tmp_path / "petoolbench" / "dataset_record.json"
    written = file.read_bytes()
    file.write_text(file.read_text().replace('"seed": 42', '"seed": 43'))
    quiet_build(tmp_path)
    assert file.read_bytes() == written


def said(folder, **options):
    console = Console(record=True, file=io.StringIO(), width=500)
    build(recipe(**options.pop("recipe", {})), folder / "run", folder / "petoolbench", console, **options)
    return console.export_text()


def test_a_build_says_what_it_replaces(tmp_path):
    assert "replaces" not in said(tmp_path)
    assert "replaces" not in said(tmp_path), "nothing has changed"
    standing = f"a build of {USERS} users, seed 42, catalogue embedded, author offline ({len(rows_of(tmp_path))} rows)"
    assert f"petoolbench/ holds {standing}; this build replaces it." in said(tmp_path, recipe={"users": 10})


def test_an_import_is_replaced_by_a_build_only_where_told(tmp_path):
    quiet_build(tmp_path)
    DatasetRecord(origin="import", author="the authors of the paper").write(tmp_path / "petoolbench")
    before = (tmp_path / "petoolbench" / "dataset_record.json").read_bytes()
    with pytest.raises(
        InputError, match=r"holds an import, texts by the authors of the paper \(\d+ rows\).*--replace"
    ):
        quiet_build(tmp_path, users=10)
    assert (tmp_path / "petoolbench" / "dataset_record.json").read_bytes() == before
    now_said = said(tmp_path, recipe={"users": 10}, replace=True)
    assert re.search(
        r"holds an import, texts by the authors of the paper \(\d+ rows\); this build replaces it", now_said
    )
    assert read_dataset_record(str(tmp_path / "petoolbench")).origin == "build"


@pytest.mark.parametrize(
    ("card", "standing"),
    [
        ("", "a build written by an earlier version ("),
        ("Imported by `petoolbench import` from x", "an import written by an earlier version ("),
    ],
)
def test_a_dataset_without_a_record_is_what_its_card_says(tmp_path, card, standing):
    quiet_build(tmp_path)
    (tmp_path / "petoolbench" / "dataset_record.json").unlink()
    with open(tmp_path / "petoolbench" / "README.md", "a") as file:
        file.write(card)
    assert f"holds {standing}{len(rows_of(tmp_path))} rows); this build replaces it" in said(tmp_path, replace=True)


@pytest.mark.parametrize(
    ("changes", "absent"),
    [({"users": 1}, "test"), ({"users": 3, "export": {"test_share": 0.9}}, "train"), ({}, None)],
)
def test_a_dataset_without_a_split_is_pointed_out(tmp_path, changes, absent):
    assert [f"has no {split} split" in said(tmp_path, recipe=changes) for split in petoolbench.SPLITS] == [
        split == absent for split in petoolbench.SPLITS
    ]
