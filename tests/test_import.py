"""The authors' released test files become rows without loss."""

import gzip
import io
import json
import re
from pathlib import Path

import datasets
import pytest
from petoolkit.builder.dataset_folder import write_dataset
from petoolkit.builder.released_import import import_released
from rich.console import Console

import petoolbench
from petoolbench import InputError
from petoolkit.dataset_record import DatasetRecord, read_dataset_record
from petoolkit.released import read_released, released_prompts

PROMPT_KEYS = {setting.name: setting.released_prompt for setting in petoolbench.SETTINGS.values()}

GOLD = {"tool_name": "<Data>.<Azure>.<GetPeople>", "parameters": {"page": 1, "nested": {"a": [True, None, 2.50]}}}
HISTORY = [
    {
        "instruction": "What is listed here: [1, 2]?",
        "tool_call": {"tool_name": "<Other>.<Réference [x]>.<y>", "parameters": {"q": "\"]'\n"}},
        "rating": 0,
    },
    {"instruction": "Again", "tool_call": {"tool_name": "<Data>.<Bing>.<z>", "parameters": {}}, "rating": 1},
]
TOOLS = [
    {
        "tool_name": name,
        "tool_description": " ",
        "required_parameters": [{"name": "page", "type": "NUMBER", "description": "", "default": default}],
        "optional_parameters": [],
    }
    for name, default in (("<Data>.<Bing>.<GetPeople>", ""), (GOLD["tool_name"], 1), ("<A>.<B>.<C>", [True, "x"]))
]


def entry(**changes) -> dict:
    def prompt(history) -> str:
        return (
            f"\nTask.\nInteraction history is:\n{json.dumps(history)}\n\n"
            f"Available tools you can call are listed here:\n{json.dumps(TOOLS)}\n\nGenerate ...\n"
        )

    unrated = [{key: call[key] for key in ("instruction", "tool_call")} for call in HISTORY]
    return {
        "query": "Who is there?",
        "instruction_preferred": prompt(unrated),
        "instruction_ratings": prompt(HISTORY),
        "instruction_chronological": prompt(unrated),
        "api_call_ground_truth": GOLD,
        "apis_same_func": [
            {"category_name": "Data", "tool_name": provider, "api_name": "GetPeople"} for provider in ("Azure", "Bing")
        ],
        "func": "56",
        "entry_id": 24200,
        **changes,
    }


def write(path: Path, entries) -> Path:
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def decoded(row: dict) -> tuple:
    """History, candidates and gold call as the released prompts hold them."""
    history = []
    for call in row["history"]:
        tool_call = {"tool_name": call["tool_name"], "parameters": json.loads(call["parameters"])}
        rating = {} if call["rating"] is None else {"rating": call["rating"]}
        history.append({"instruction": call["instruction"], "tool_call": tool_call, **rating})
    tools = []
    for tool in row["candidate_tools"]:
        kinds = {
            kind: [
                {
                    **{key: parameter[key] for key in ("name", "type", "description")},
                    "default": json.loads(parameter["default"]),
                }
                for parameter in tool[kind]
            ]
            for kind in ("required_parameters", "optional_parameters")
        }
        tools.append({"tool_name": tool["tool_name"], "tool_description": tool["tool_description"], **kinds})
    gold = {"tool_name": row["tool_call"]["tool_name"], "parameters": json.loads(row["tool_call"]["parameters"])}
    return history, tools, gold


def test_an_entry_becomes_three_rows_that_hold_all_of_it(tmp_path):
    rows = [row for row, _ in read_released(write(tmp_path / "released.json", [entry()]))]
    assert [row["id"] for row in rows] == [f"24200/{setting}" for setting in petoolbench.SETTINGS]
    for row in rows:
        assert set(row) == set(petoolbench.FEATURES)
        history, tools, gold = decoded(row)
        assert [call["tool_call"] for call in history] == [call["tool_call"] for call in HISTORY]
        assert (tools, gold) == (TOOLS, GOLD)
        assert row["same_function_tools"] == ["<Data>.<Bing>.<GetPeople>", "<Data>.<Azure>.<GetPeople>"]
        assert (row["history_length"], row["category"], row["group_id"]) == (2, "Data", "56")
    assert [call["rating"] for call in rows[1]["history"]] == [0, 1]
    assert [call["rating"] for call in rows[0]["history"]] == [None, None]


def test_one_file_a_setting_gives_the_same_rows_as_one_for_all(tmp_path):
    (tmp_path / "split").mkdir()
    for prompt in PROMPT_KEYS.values():
        alone = {key: value for key, value in entry().items() if not key.startswith("instruction_") or key == prompt}
        write(tmp_path / "split" / f"user_entries_test_{prompt}.json", [alone])
    write(tmp_path / "all.json", [entry()])
    import_released(tmp_path / "split", tmp_path / "a")
    import_released(tmp_path / "all.json", tmp_path / "b")
    for setting in petoolbench.SETTINGS:
        a, b = (datasets.load_dataset(str(tmp_path / name), setting)["test"].to_list() for name in "ab")
        assert a == b and len(a) == 1


def test_rows_repeated_in_two_files_are_written_once_and_counted(tmp_path):
    write(tmp_path / "1.json", [entry()])
    write(tmp_path / "2.json", [entry()])
    statistics = import_released(tmp_path, tmp_path / "out")
    assert (statistics["rows"], statistics["repeated rows"]) == (3, 3)
    write(tmp_path / "2.json", [entry(query="Something else?")])
    with pytest.raises(InputError, match="row 24200/preferred_only differs"):
        import_released(tmp_path, tmp_path / "out")


def test_the_released_prompts_go_round_byte_for_byte(tmp_path):
    strange = [entry(entry_id="a/ü", query="Qui?"), entry(entry_id=2, instruction_chronological="")]
    for one in strange:
        one["instruction_ratings"] = "\r\n\u2028 Aufgabe ü \x00\n" + one["instruction_ratings"] + " \n\n"
    import_released(write(tmp_path / "released.json", strange), tmp_path / "out")
    for setting, key in PROMPT_KEYS.items():
        prompts = released_prompts(str(tmp_path / "out"), setting)
        assert prompts == {f"{one['entry_id']}/{setting}": one[key] for one in strange if one[key]}
        assert set(prompts) == set(datasets.load_dataset(str(tmp_path / "out"), setting)["test"]["id"])


def test_a_dataset_written_over_an_imported_one_has_none_of_its_prompts(tmp_path):
    released, out = write(tmp_path / "released.json", [entry()]), tmp_path / "out"
    import_released(released, out)
    import_released(write(tmp_path / "other.json", [entry(entry_id=7, instruction_ratings="")]), out)
    assert list(released_prompts(str(out), "chronological")) == ["7/chronological"]
    with pytest.raises(InputError, match="only a dataset made by `petoolbench import` has"):
        released_prompts(str(out), "rating_integrated")
    record = DatasetRecord(origin="build", author="offline")
    write_dataset(out, (("test", row) for row, _ in read_released(released)), lambda: record)
    for setting in petoolbench.SETTINGS:
        with pytest.raises(InputError, match="only a dataset made by `petoolbench import` has the released prompts"):
            released_prompts(str(out), setting)


def test_an_import_is_recorded_and_says_what_it_replaces(tmp_path):
    released, out = write(tmp_path / "released.json", [entry()]), tmp_path / "out"
    console = Console(record=True, file=io.StringIO(), width=500)
    import_released(released, out, console)
    assert console.export_text(clear=False) == ""
    record = read_dataset_record(str(out))
    assert (record.origin, record.author, record.recipe) == ("import", "the authors of the paper", None)
    assert record.statistics["rows"] == 3
    assert "Imported by `petoolbench import`" in (out / "README.md").read_text()
    import_released(released, out, console)
    assert "holds an import, texts by the authors of the paper (3 rows); this import replaces" in console.export_text()


def test_a_build_is_replaced_by_an_import_only_where_told(tmp_path):
    released, out = write(tmp_path / "released.json", [entry()]), tmp_path / "out"
    record = DatasetRecord(origin="build", author="offline", recipe={"users": 1, "seed": 7, "catalogue": ["mine"]})
    write_dataset(out, (("test", row) for row, _ in read_released(released)), lambda: record)
    standing = re.escape("holds a build of 1 user, seed 7, catalogue mine, author offline (3 rows), which an import")
    with pytest.raises(InputError, match=f"{standing}.*--replace"):
        import_released(released, out)
    assert read_dataset_record(str(out)) == record
    import_released(released, out, Console(quiet=True), replace=True)
    assert read_dataset_record(str(out)).origin == "import"


def test_a_row_whose_prompt_differs_in_two_files_is_refused(tmp_path):
    write(tmp_path / "1.json", [entry()])
    write(tmp_path / "2.json", [entry(instruction_ratings=entry()["instruction_ratings"] + " ")])
    with pytest.raises(InputError, match="row 24200/rating_integrated differs"):
        import_released(tmp_path, tmp_path / "out")


@pytest.mark.parametrize("dataset", ["somebody/something", "a/b/c"])
def test_released_prompts_of_a_dataset_that_cannot_be_had_are_refused(dataset):
    with pytest.raises(InputError, match="released_prompts/chronological"):
        released_prompts(dataset, "chronological")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "released.json, line 1: not valid JSON"),
        ('{"a": 1}', "should hold a JSON list"),
        ("[1]", "entry 0: not an entry of a released test file"),
        ('[{"query": "x"}]', "entry 0: not an entry of a released test file"),
        (json.dumps([entry(), entry(instruction_ratings="no list")]), "entry 1: not an entry of a released test file"),
        (json.dumps([entry(api_call_ground_truth=None)]), "entry 0"),
        ("[]", "no row is left"),
    ],
)
def test_what_is_no_released_file_is_refused_and_nothing_is_written(tmp_path, content, message):
    (tmp_path / "released.json").write_text(content)
    with pytest.raises(InputError, match=re.escape(message)):
        import_released(tmp_path / "released.json", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["released.json"]


def test_the_official_part_goes_round_without_loss(official_part, tmp_path):
    statistics = import_released(official_part, tmp_path / "official")
    assert statistics["rows"] == 1_320
    with gzip.open(official_part, "rt", encoding="utf-8") as file:
        text = file.read()
    entries = {str(one["entry_id"]): one for one in json.loads(text)}
    decoder = json.JSONDecoder()
    for setting, key in PROMPT_KEYS.items():
        rows = datasets.load_dataset(str(tmp_path / "official"), setting)["test"]
        assert rows.num_rows == len(entries) == 440
        for row in rows:
            one = entries[row["user_id"]]
            prompt = one[key]
            start = prompt.index("Interaction history is:\n") + len("Interaction history is:\n")
            history, end = decoder.raw_decode(prompt, start)
            tools, _ = decoder.raw_decode(prompt, prompt.index("listed here:\n", end) + len("listed here:\n"))
            assert decoded(row) == (history, tools, one["api_call_ground_truth"])
            assert row["instruction"] == one["query"]
            assert len(row["same_function_tools"]) == len(one["apis_same_func"])
    size = sum(file.stat().st_size for file in (tmp_path / "official").rglob("*") if file.is_file())
    assert size <= len(text.encode()) / 10
