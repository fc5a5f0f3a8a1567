"""Every kind of bad input ends in one sentence, and other people's text cannot leave its line."""

import errno
import json
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from petoolkit.builder.catalogue.catalogue_files import read_catalogue
from petoolkit.builder.catalogue.tool_document import Parameter, ToolDocument
from petoolkit.builder.recipe import load_recipe
from petoolkit.builder.stage_notes import Notes
from petoolkit.builder.stages.collect import collect
from rich.console import Console
from rows import CITY, past_call, row, tool

import petoolbench_cli
from petoolbench import InputError, render_messages
from petoolkit.dataset_record import DatasetRecord
from petoolkit.decoding import decode_json, read_json
from petoolkit.evaluator.dataset_rows import load_setting
from petoolkit.hub_reading import why_not_read
from petoolkit.released import released_prompts
from petoolkit.row_form import form_problem, row_table

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))
from fuzz import fuzz

UNSEEN = "\u200b\u202e\u2028\u2029\x85\x07\ufeff\U000e0041"
FLAT = {
    "category": "Weather",
    "tool": "Sunny",
    "tool_description": "Weather for everyone.",
    "api": "now",
    "api_description": "Gets the weather of a city.",
}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 3000 + "]" * 3000, "nested too deeply"),
        ("[" + "1" * 5000 + "]", "too many digits"),
        ('{"days": NaN}', "NaN is not a JSON number"),
        ("[-Infinity]", "-Infinity is not a JSON number"),
        ("[1e999]", "the number 1e999 is too large"),
        ("[1", "not valid JSON"),
        (b"\xff{}", "not text in UTF-8"),
    ],
)
def test_json_that_cannot_be_held_is_refused_in_a_clause(tmp_path, text, problem):
    with pytest.raises(ValueError, match=problem):
        decode_json(text)
    for name in ("a.json", "a.jsonl"):
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(InputError, match=f"{name}.*({problem}|cannot be read)"):
            read_json(file) if name == "a.json" else list(read_catalogue(file))


def test_a_byte_order_mark_is_read_over(tmp_path):
    for name in ("a.json", "a.jsonl", "a.yaml"):
        (tmp_path / name).write_text(json.dumps(FLAT), encoding="utf-8-sig")
        assert [document.tool for document in read_catalogue(tmp_path / name)] == ["Sunny"]


def test_json_lines_under_the_name_of_json_are_read_or_named(tmp_path):
    file = tmp_path / "tools.json"
    file.write_text(f"{json.dumps(FLAT)}\n{json.dumps({**FLAT, 'api': 'later'})}\n")
    assert [document.api for document in read_catalogue(file)] == ["now", "later"]
    with pytest.raises(InputError, match=r"tools\.json, line 2: not valid JSON.*name it \.jsonl"):
        read_json(file)


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.json").write_text("{}")
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InputError, match=r"a\.json cannot be read \(permission denied\).*ask for access"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("llm: abc", "`llm`: input should be"),
        ("llm: {prices: {inptu: 1, output: 2}}", "unknown key `llm.prices.inptu`"),
        ("seed: 2020-13-45", "`seed`: input should be a valid integer"),
        ("llm: {timeout: .inf}", "inf is not a number that JSON has"),
        ("1: 2", "unknown key `1`"),
        ("true: 2", "the key True is not text"),
        ("seed: " + "1" * 5000, "cannot be read as YAML: a number has too many digits"),
        ("x: " + "[" * 3000 + "]" * 3000, "nested too deeply"),
        ("x: &a0 [1, 1]\n" + "".join(f"c{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 25)), "more than"),
    ],
)
def test_a_recipe_with_a_wrong_value_names_it(tmp_path, line, problem):
    file = tmp_path / "recipe.yaml"
    file.write_text(f"users: 3\ngroup: {{eps: 0.2}}\n{line}\n")
    with pytest.raises(InputError, match=problem):
        load_recipe(file, llm={"model": "x"})


def wrong(**changes):
    return {**row("u1", "rating_integrated", "Aerwyn", [past_call("Aerwyn", 1)]), **changes}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (wrong(), None),
        (wrong(history=None), "`history` is null 1 times"),
        (wrong(instruction=None), "`instruction` is null 1 times"),
        (wrong(candidate_tools=[]), "no candidate tools"),
        (wrong(id="u1"), "the id 'u1' does not end in /rating_integrated"),
        (wrong(id="u1/chronological"), "does not end in /rating_integrated"),
        (wrong(history=[past_call("Aerwyn", 7)]), "`history.rating` is 7"),
        (wrong(tool_call={"tool_name": "x", "parameters": "{"}), "`tool_call.parameters` holds '{': not valid JSON"),
        (wrong(tool_call={"tool_name": "x", "parameters": "[]"}), "which is not a JSON object"),
        (
            wrong(candidate_tools=[tool("A", "b", "c", required=[{**CITY, "default": "NaN"}])]),
            "required_parameters.default` holds 'NaN': NaN is not a JSON number",
        ),
    ],
)
def test_a_dataset_with_wrong_contents_names_the_column(tmp_path, changed, problem):
    found = form_problem(row_table([changed]), "rating_integrated")
    assert found is None if problem is None else problem in found
    folder = tmp_path / "data" / "rating_integrated"
    folder.mkdir(parents=True)
    pa.parquet.write_table(row_table([changed]), folder / "test-00000-of-00001.parquet")
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: rating_integrated\n  data_files: data/rating_integrated/*.parquet\n---\n"
    )
    if problem:
        with pytest.raises(InputError, match=r"rating_integrated, .*; correct the dataset"):
            load_setting(str(tmp_path), "rating_integrated")
    else:
        assert load_setting(str(tmp_path), "rating_integrated")


def test_a_column_of_another_type_is_named():
    table = row_table([wrong()])
    at = table.column_names.index("instruction")
    assert form_problem(table.set_column(at, "instruction", pa.array([5]))) == "`instruction` is int64, not string"
    assert form_problem(table.drop_columns(["history"])) == "the column history is missing"


def test_released_prompts_that_are_damaged_end_in_a_sentence(tmp_path):
    DatasetRecord(origin="import", author="x").write(tmp_path)
    (tmp_path / "released_prompts").mkdir()
    (tmp_path / "released_prompts" / "chronological.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match="cannot be read"):
        released_prompts(str(tmp_path), "chronological")


def test_unseen_characters_are_cleaned_out_of_every_field_of_a_catalogue():
    document = ToolDocument(
        category=f"Wea{UNSEEN}ther",
        tool=f"{UNSEEN}Sunny",
        tool_description=f"Weather for {UNSEEN} everyone here",
        api=f"now{UNSEEN}",
        api_description=f"Gets the {UNSEEN} weather of a city",
        required_parameters=[
            Parameter(
                name=f"ci{UNSEEN}ty",
                type=f"STR{UNSEEN}ING",
                description=f"a{UNSEEN}b",
                default=[f"x\t{UNSEEN}y", {f"k{UNSEEN}": 1}],
                examples=[f"Ro{UNSEEN}me"],
            )
        ],
    )
    (found,) = collect([document], 800, True, Notes())
    assert not set(UNSEEN) & set(json.dumps(found, ensure_ascii=False))
    assert found["tool_name"] == "<Wea ther>.<Sunny>.<now>"
    (parameter,) = found["required_parameters"]
    assert (parameter["name"], parameter["type"]) == ("ci ty", "STR ING")
    assert json.loads(parameter["default"]) == ["x\t\n\n\ny", {"k\n\n\n": 1}]


def test_unseen_characters_of_a_dataset_are_escaped_in_the_prompt():
    hostile = tool(f"A{UNSEEN}", "now", f"d{UNSEEN}", f"p{UNSEEN}", [{**CITY, "default": json.dumps(UNSEEN)}])
    call = {**past_call("B", 1), "instruction": f"i{UNSEEN}", "parameters": json.dumps({UNSEEN: UNSEEN})}
    system = render_messages(wrong(candidate_tools=[hostile], history=[call]))[0]["content"]
    assert not set(UNSEEN) & set(system)
    line = next(line for line in system.split("\n") if "tool_description" in line)
    assert json.loads(line)["tool_name"] == hostile["tool_name"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/root/.c"), "Error: /root/.c: permission denied; free"),
        (OSError(errno.ENOSPC, "No space left on device"), "Error: no space left on device; free some space"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), None),
    ],
)
def test_the_command_names_what_may_not_be_used_and_blames_no_disk_for_other_errors(error, message, monkeypatch):
    def refuse(*args, **options):
        raise error

    monkeypatch.setattr("petoolkit.evaluator.dataset_rows.find_rows", refuse)
    result = CliRunner().invoke(petoolbench_cli.main, ["show"])
    if message is None:
        assert result.exception is error
    else:
        assert result.exit_code == 2
        assert result.stderr.startswith(message)


def test_a_full_disk_is_not_blamed_on_the_hub():
    full = OSError(errno.ENOSPC, "No space left on device", "/home/a/.cache")
    try:
        raise ValueError("a dataset cannot be made") from full
    except ValueError as error:
        assert why_not_read(error).startswith("/home/a/.cache cannot be used (no space left on device); free some")


def test_damaged_inputs_of_every_kind_are_read_or_refused():
    kinds = ["catalogues", "recipes", "released", "results", "parquet"]
    outcomes = fuzz(0.02, 1, Console(quiet=True), kinds)
    assert {kind: outcome.faults for kind, outcome in outcomes.items()} == {kind: [] for kind in outcomes}
    assert sum(outcome.counts["refused"] for outcome in outcomes.values()) > 10
