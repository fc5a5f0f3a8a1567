"""Datasets of earlier versions, which lack columns of today's contract, and rows of kinds other than preference."""

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, row

import petoolbench
from petoolbench import FEATURES, InputError
from petoolkit.evaluator.dataset_rows import dataset_sizes, find_rows, load_rows, present_settings
from petoolkit.files import write_json_lines
from petoolkit.row_form import completed, lacks_added_columns

HISTORY = [past_call("Equandra"), past_call("Dovarque")]
ADDED = ("block_id", "kind", "acceptable_tools", "taste")


def other_kind(user, kind, gold="Cirrox"):
    name = f"{user}-{kind.replace('_', '-')}"
    made = {**row(name, "chronological", gold, HISTORY), "kind": kind}
    return {**made, "acceptable_tools": made["same_function_tools"]} if kind == "no_preference" else made


def of_an_earlier_version(one: dict) -> dict:
    """A row as versions before the controlled design wrote it."""
    return {
        **{name: value for name, value in one.items() if name not in ADDED},
        "history": [
            {name: value for name, value in call.items() if name != "provider_description"} for call in one["history"]
        ],
        "candidate_tools": [
            {
                **{name: value for name, value in tool.items() if name != "schema"},
                **{
                    kind: [{name: value for name, value in p.items() if name != "schema"} for p in tool[kind]]
                    for kind in petoolbench.PARAMETER_KINDS
                },
            }
            for tool in one["candidate_tools"]
        ],
    }


def _list_of(column, without: str):
    """A list of structures as features, without the fields of one name."""
    if isinstance(column, str):
        return datasets.Value(column)
    return [{name: _list_of(kind, without) for name, kind in column[0].items() if name != without}]


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """A dataset folder as an earlier version wrote it: parquet without the added columns, and its card."""
    folder = tmp_path_factory.mktemp("older") / "petoolbench"
    rows = {
        split: [of_an_earlier_version(row(user, "chronological", "Cirrox", HISTORY))]
        for split, user in (("train", "u1"), ("test", "u2"))
    }
    features = datasets.Features(
        {
            **{name: feature for name, feature in FEATURES.items() if name not in ADDED},
            "history": _list_of(petoolbench.COLUMNS["history"], without="provider_description"),
            "candidate_tools": _list_of(petoolbench.COLUMNS["candidate_tools"], without="schema"),
        }
    )
    files = []
    for split, found in rows.items():
        file = folder / "data" / "chronological" / f"{split}-00000-of-00001.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(found, schema=features.arrow_schema.remove_metadata()), file)
        files.append({"split": split, "path": str(file.relative_to(folder))})
    splits = {split: {"name": split, "num_bytes": 9, "num_examples": 1} for split in rows}
    info = datasets.DatasetInfo(features=features, splits=datasets.SplitDict.from_split_dict(splits))
    head = {
        "configs": [{"config_name": "chronological", "data_files": files, "version": "1.0.7", "default": True}],
        "library_name": "petoolbench",
        "dataset_info": {"config_name": "chronological", **info._to_yaml_dict()},
    }
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n# Older\n")
    return str(folder)


def test_an_older_dataset_is_read_with_empty_added_columns(older):
    (read,) = load_rows(older, "chronological", "test")
    assert read == row("u2", "chronological", "Cirrox", HISTORY)  # whose added columns are empty
    assert list(read) == list(FEATURES)
    assert find_rows(older, None, "u1") == [row("u1", "chronological", "Cirrox", HISTORY)]
    assert present_settings(older) == ["chronological"]
    assert "provider_description" not in petoolbench.render_messages(read)[0]["content"].partition("Candidate")[0]


def test_the_dataset_builder_reads_an_older_folder_too(older):
    builder = petoolbench.PEToolBench(config_name="chronological", data_dir=older)
    builder.download_and_prepare()
    assert builder.as_dataset("test").to_list() == [row("u2", "chronological", "Cirrox", HISTORY)]


def test_an_older_run_is_read_with_empty_added_columns(tmp_path):
    one = row("u2", "chronological", "Cirrox", HISTORY)
    write_json_lines(tmp_path / "export.jsonl", [{"split": "test", **of_an_earlier_version(one)}])
    builder = petoolbench.PEToolBench(config_name="chronological", data_dir=str(tmp_path))
    builder.download_and_prepare()
    assert builder.as_dataset("test").to_list() == [one]


@pytest.mark.parametrize("missing", [*ADDED, "history.provider_description", "candidate_tools.schema"])
def test_any_of_the_added_columns_can_be_missing(missing):
    schema = FEATURES.arrow_schema
    assert not lacks_added_columns(schema.empty_table())
    column, _, field = missing.partition(".")
    if not field:
        table = schema.empty_table().drop_columns(column)
    else:
        rows = [of_an_earlier_version(row("u1", "chronological", "Cirrox", HISTORY))[column]]
        table = schema.empty_table().drop_columns(column).append_column(column, pa.array([], pa.array(rows).type))
    assert lacks_added_columns(table)


def test_a_complete_row_is_left_as_it_is():
    one = {**other_kind("u1", "override"), "block_id": "b1", "taste": "{}", "history": HISTORY}
    assert completed(one) == one


def test_older_pairs_are_read_with_empty_added_columns(tmp_path):
    pytest.importorskip("trl")
    from petoolkit.training.pair_dataset import pair_record, read_pairs
    from petoolkit.training.pairing import Pair

    made = pair_record(row("u2", "chronological", "Cirrox", HISTORY), Pair("good", "gold", "bad", "TPM"))
    (tmp_path / "data").mkdir()
    pq.write_table(pa.Table.from_pylist([of_an_earlier_version(made)]), tmp_path / "data" / "train.parquet")
    assert read_pairs(str(tmp_path), "train") == [made]
    pq.write_table(pa.Table.from_pylist([{"prompt": "x"}]), tmp_path / "data" / "train.parquet")
    with pytest.raises(InputError, match="does not hold preference pairs: the columns candidate_tools, category, "):
        read_pairs(str(tmp_path), "train")


@pytest.fixture(scope="module")
def with_other_kinds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds") / "petoolbench"
    rows = [
        ("train", row("u0", "chronological", "Aerwyn", HISTORY)),
        ("test", row("u1", "preferred_only", "Aerwyn", HISTORY)),
        ("test", row("u1", "chronological", "Aerwyn", HISTORY)),
        ("test", other_kind("u1", "override")),
        ("test", other_kind("u1", "no_preference")),
    ]
    write_dataset(folder, rows, lambda: DATASET_FACTS)
    return str(folder)


@pytest.mark.parametrize(
    ("config", "wanted", "found"),
    [
        (None, "u1-override/chronological", ["u1-override/chronological"]),
        (None, "u1-no-preference", ["u1-no-preference/chronological"]),
        (None, "u1", ["u1/preferred_only", "u1/chronological"]),
        ("chronological", "u1", ["u1/chronological"]),
        ("chronological", "u1-override", ["u1-override/chronological"]),
        ("selectivity", None, ["u1-override/chronological"]),
        ("selectivity", "u1-override", ["u1-override/chronological"]),
    ],
)
def test_rows_of_all_kinds_are_found(with_other_kinds, config, wanted, found):
    assert [one["id"] for one in find_rows(with_other_kinds, config, wanted)] == found


def test_a_user_of_another_kind_is_not_found_by_the_users_own_name(with_other_kinds):
    with pytest.raises(InputError, match="does not have a row or user 'u9-override'"):
        find_rows(with_other_kinds, None, "u9-override")


def test_rows_of_other_kinds_are_a_config_of_their_own(with_other_kinds):
    assert dataset_sizes(with_other_kinds) == {
        "preferred_only": {"test": 1},
        "chronological": {"train": 1, "test": 1},
        "selectivity": {"test": 2},
    }
    loaded = datasets.load_dataset(with_other_kinds, "selectivity", split="test")
    assert [one["kind"] for one in loaded] == ["override", "no_preference"]
    builder = petoolbench.PEToolBench(config_name="selectivity", data_dir=with_other_kinds)
    builder.download_and_prepare()
    assert builder.as_dataset("test").to_list() == loaded.to_list()
