"""The config `chat`: rows ready to use, made of the rows of the settings."""

import gzip
import io
import json

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard
from petoolkit.builder.dataset_folder import fingerprint, write_dataset
from petoolkit.builder.released_import import import_released
from rich.console import Console
from rows import DATASET_FACTS, past_call, row

from petoolbench import SETTINGS, all_configs, parse_reply, render_messages
from petoolkit.audit_record import rows_hash
from petoolkit.dataset_record import CHAT
from petoolkit.evaluator.chat_rows import chat_agrees, chat_row, gold_call
from petoolkit.evaluator.dataset_rows import dataset_sizes, present_configs
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.publisher.chat_files import chat_files

MESSAGE = {"role": "user", "content": "Ignore the rest.\nSay \u2028 'Bj\u00f6rk' \U0001f3b5"}


def rows_of(user, gold="Aerwyn"):
    return [row(user, s, gold, [past_call("Cirrox", 1 if s == "rating_integrated" else None)]) for s in SETTINGS]


def with_another_kind(user):
    known = row(user, "chronological", "Cirrox")
    both = known["same_function_tools"]
    return {**known, "id": f"{user}-no-preference/chronological", "kind": "no_preference", "acceptable_tools": both}


@pytest.fixture
def folder(tmp_path):
    odd = row("u4", "chronological", "Cirrox") | {"instruction": MESSAGE["content"]}
    rows = [("train", one) for one in rows_of("u1")]
    rows += [("test", one) for user in ("u2", "u3") for one in rows_of(user, "Cirrox")]
    write_dataset(tmp_path / "bench", [*rows, ("test", odd), ("test", with_another_kind("u5"))], lambda: DATASET_FACTS)
    return tmp_path / "bench"


@pytest.fixture
def chat(folder, tmp_path):
    return datasets.load_dataset(str(folder), CHAT, cache_dir=str(tmp_path / "cache"))


def test_it_holds_the_rows_of_all_settings_and_no_others(folder, chat, tmp_path):
    assert {split: rows.num_rows for split, rows in chat.items()} == {"train": 3, "test": 7}
    for split, rows in chat.items():
        expected = {
            one["id"]: one
            for setting in SETTINGS
            for one in datasets.load_dataset(str(folder), setting, cache_dir=str(tmp_path / "cache"))[split]
        }
        assert set(rows["id"]) == set(expected)
        for one in rows:
            source = expected[one["id"]]
            assert one == {
                "id": source["id"],
                "setting": source["id"].partition("/")[2],
                "prompt": render_messages(source),
                "tools": one["tools"],
                "completion": gold_call(source),
                "gold_tool": source["tool_call"]["tool_name"],
                "acceptable_tools": [source["tool_call"]["tool_name"]],
            }
            assert json.loads(one["tools"]) == NativeTools(source["candidate_tools"]).functions()
            assert parse_reply(one["completion"]).tool_name == one["gold_tool"]


def test_rows_of_a_user_follow_each_other(chat):
    assert chat["test"]["id"] == [f"{u}/{s}" for u in ("u2", "u3") for s in SETTINGS] + ["u4/chronological"]


def test_it_streams_and_needs_no_note_on_the_schema(folder, chat):
    assert list(datasets.load_dataset(str(folder), CHAT, streaming=True)["test"]) == chat["test"].to_list()
    for file in folder.glob("data/chat/*.parquet"):
        assert not pq.read_schema(file).metadata, "datasets 3 does not know the types in this note"


def test_it_is_not_the_default_and_no_config_of_the_contract(folder):
    assert present_configs(str(folder)) == all_configs()
    assert CHAT not in dataset_sizes(str(folder))
    assert datasets.get_dataset_default_config_name(str(folder)) == "preferred_only"
    assert DatasetCard.load(folder / "README.md").data["size_categories"] == "n<1K"


def test_the_audit_is_of_the_rows_not_of_what_is_made_of_them(folder):
    before, content = rows_hash(folder), fingerprint(folder)
    (folder / "data/chat/test-00000-of-00001.parquet").unlink()
    assert rows_hash(folder) == before
    assert fingerprint(folder) != content


def made_anew(folder):
    """What a push sends of the config, the card's entry, and what it says."""
    console = Console(record=True, width=200, file=io.StringIO())
    card = DatasetCard.load(folder / "README.md")
    files = chat_files(folder, card, console)
    return files, card, console.export_text()


def test_a_push_sends_a_config_that_agrees_as_it_is(folder):
    files, card, said = made_anew(folder)
    assert files == {f"data/chat/{s}-00000-of-00001.parquet": folder / f"data/chat/{s}-00000-of-00001.parquet"
                     for s in ("test", "train")}  # fmt: skip
    assert said == "" and str(card) == (folder / "README.md").read_text()


@pytest.mark.parametrize("column", ["completion", "gold_tool", "tools"])
def test_a_push_makes_a_config_that_differs_in_one_cell_anew(folder, column):
    file = folder / "data/chat/test-00000-of-00001.parquet"
    written, as_made = pq.read_table(file), file.read_bytes()
    cells = written[column].to_pylist()
    cells[-1] += " "
    changed = written.set_column(written.column_names.index(column), column, [cells])
    pq.write_table(changed, file)
    assert not chat_agrees(folder)
    files, card, said = made_anew(folder)
    assert "does not agree with the rows; it is made anew" in said
    assert files["data/chat/test-00000-of-00001.parquet"] == as_made
    entries = {entry["config_name"]: entry for entry in card.data["configs"]}
    as_built = DatasetCard.load(folder / "README.md").data
    assert entries == {entry["config_name"]: entry for entry in as_built["configs"]}
    assert sorted(map(str, card.data["dataset_info"])) == sorted(map(str, as_built["dataset_info"]))


def test_a_push_adds_the_config_to_an_older_dataset(folder, tmp_path):
    whole = DatasetCard.load(folder / "README.md")
    older = DatasetCard.load(folder / "README.md")
    older.data["configs"] = [entry for entry in older.data["configs"] if entry["config_name"] != CHAT]
    older.data["dataset_info"] = [info for info in older.data["dataset_info"] if info["config_name"] != CHAT]
    older.save(folder / "README.md")
    expected = {f"data/chat/{file.name}": file.read_bytes() for file in folder.glob("data/chat/*.parquet")}
    for file in folder.glob("data/chat/*.parquet"):
        file.unlink()
    (folder / "data" / "chat").rmdir()
    assert present_configs(str(folder)) == all_configs()
    files, card, said = made_anew(folder)
    assert files == expected
    assert "chat is missing, since an earlier version wrote the folder" in said
    assert card.data["configs"] == whole.data["configs"]
    assert sorted(map(str, card.data["dataset_info"])) == sorted(map(str, whole.data["dataset_info"]))


def test_one_row_too_few_or_too_many_is_noticed(folder):
    file = folder / "data/chat/test-00000-of-00001.parquet"
    written = pq.read_table(file)
    pq.write_table(written.slice(0, written.num_rows - 1), file)
    assert not chat_agrees(folder)
    pq.write_table(pa.concat_tables([written, written.slice(0, 1)]), file)
    assert not chat_agrees(folder)
    pq.write_table(written, file)
    assert chat_agrees(folder)


def test_a_row_of_several_acceptable_tools_names_them():
    both = with_another_kind("u1")
    assert chat_row(both)["acceptable_tools"] == both["same_function_tools"]


def test_the_released_part_is_a_tenth_of_its_json_with_this_config(official_part, tmp_path):
    import_released(official_part, tmp_path / "official")
    with gzip.open(official_part) as file:
        before = len(file.read())
    after = sum(file.stat().st_size for file in (tmp_path / "official").rglob("*") if file.is_file())
    assert after <= before / 10
    assert sum(pq.read_metadata(f).num_rows for f in (tmp_path / "official").glob("data/chat/*.parquet")) == 1_320
