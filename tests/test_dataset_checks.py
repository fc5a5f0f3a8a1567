"""Checks before a dataset is published: that its card is true, and that its texts hold nothing private."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fakes import WordEncoder
from petoolkit.builder.dataset_folder import write_dataset
from report_folders import folders, scores
from rich.console import Console
from rows import past_call, row, tool

from petoolbench import SETTINGS, InputError
from petoolkit.dataset_record import RECORD_FILE, DatasetRecord
from petoolkit.evaluator.models.baselines import BASELINES
from petoolkit.extras import install_command
from petoolkit.files import read_json_lines
from petoolkit.publisher.findings import find, find_by_name
from petoolkit.publisher.pack_dataset import DatasetOptions, pack_dataset
from petoolkit.publisher.published_card import SLOTS

CONSOLE = Console(file=open("/dev/null", "w"), width=200)  # noqa: SIM115 (it is never read)
FINDABLE = "me@" + "gmail.com"


def made(user, setting="chronological", gold="Aerwyn", **changes):
    history = [past_call("Aerwyn", 1 if setting == "rating_integrated" else None)]
    return {**row(user, setting, gold, history), **changes}


def build(folder: Path, train=(), test=(), split="user") -> Path:
    rows = [("train", one) for one in train or [made("u1")]] + [("test", one) for one in test or [made("u2")]]
    record = DatasetRecord(origin="build", author="offline", split=split, recipe={"catalogue": ["mine.jsonl"]})
    write_dataset(folder / "petoolbench", rows, lambda: record)
    return folder / "petoolbench"


def pack(folder, console=CONSOLE, **options):
    return pack_dataset(folder, "me/bench", DatasetOptions(**{"rules": False, **options}), console)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"id": "u3/chronological"}, "ids repeat (1: u3/chronological)"),
        ({"user_id": "u9"}, "ids do not name their user and setting (1: u4/chronological)"),
        ({"instruction": ""}, "instructions are empty (1: u4/chronological)"),
        ({"history_length": 7}, "history_length is not the history's (1: u4/chronological)"),
        ({"history": [past_call("Aerwyn", 1)]}, "ratings do not fit the setting (1: u4/chronological)"),
        ({"candidate_tools": [tool("Cirrox", "forecast", "x")]}, "the gold tool is no candidate (1: "),
        ({"candidate_tools": [tool("Aerwyn", "forecast", "x")]}, "same-function tools are no candidates (1: "),
        ({"candidate_tools": [tool("Aerwyn", "forecast", "x")] * 2}, "candidates repeat (1: "),
        ({"same_function_tools": ["<Weather>.<Cirrox>.<forecast>"]}, "the gold tool is not among the same-function"),
        ({"tool_call": {"tool_name": "<Weather>.<Aerwyn>.<forecast>", "parameters": "[]"}}, "are no JSON object (1: "),
    ],
)
def test_a_row_that_breaks_the_contract_is_named(tmp_path, changes, sentence):
    folder = build(tmp_path, test=[made("u3"), {**made("u4"), **changes}])
    with pytest.raises(InputError) as told:
        pack(folder)
    assert sentence in str(told.value)
    assert str(told.value).endswith("build it anew.")


@pytest.mark.parametrize(
    ("split", "gold", "group", "shared"),
    [
        ("user", "Aerwyn", "g1", None),
        ("tool", "Aerwyn", "g1", "train and test share a gold tool (1: <Weather>.<Aerwyn>.<forecast>)"),
        ("tool", "Cirrox", "g1", None),
        ("function", "Cirrox", "g1", "train and test share a function group (1: g1)"),
        ("function", "Cirrox", "g2", None),
    ],
)
def test_the_splits_share_nothing_that_the_card_promises_apart(tmp_path, split, gold, group, shared):
    folder = build(tmp_path, [made("u1")], [made("u2", gold=gold, group_id=group)], split)
    if shared:
        with pytest.raises(InputError) as told:
            pack(folder)
        assert shared in str(told.value)
    else:
        names = {"user": "no user", "tool": "no user and no gold tool", "function": "no user and no function group"}
        assert f"share {names[split]}." in card(pack(folder))


def test_a_user_in_both_splits_is_always_refused(tmp_path):
    folder = build(tmp_path, [made("u1")], [made("u1", "preferred_only")], "tool")
    with pytest.raises(InputError, match=r"share a user \(1: u1\); train and test share a gold tool"):
        pack(folder)


def card(package) -> str:
    return package.files["README.md"].decode()


def first_file(folder):
    return folder / "data" / "chronological" / "test-00000-of-00001.parquet"


def test_files_edited_after_the_card_was_written_are_refused(tmp_path):
    folder = build(tmp_path)
    table = pq.read_table(first_file(folder))
    pq.write_table(table.set_column(4, "instruction", pa.array(["other"])), first_file(folder))
    with pytest.raises(InputError, match="the files of chronological are not those that the card was written for"):
        pack(folder)


def test_a_file_that_the_card_does_not_name_is_refused(tmp_path):
    folder = build(tmp_path)
    first_file(folder).with_name("test-00001-of-00002.parquet").write_bytes(first_file(folder).read_bytes())
    with pytest.raises(InputError, match=r"do not agree \(data/chronological/test-00001-of-00002.parquet\)"):
        pack(folder)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (
            ("num_examples: 1", "num_examples: 2"),
            "`dataset_info` in the card counts other numbers of rows",
        ),
        (("  data_files:", "  files:"), "its `configs` are not those of a build"),
        (("configs:", "configs: [\n"), "does not have a readable YAML head"),
    ],
)
def test_a_card_whose_head_was_edited_is_refused(tmp_path, edit, sentence):
    folder = build(tmp_path)
    text = (folder / "README.md").read_text()
    (folder / "README.md").write_text(text.replace(*edit, 1))
    with pytest.raises(InputError, match=sentence):
        pack(folder)


def test_other_columns_are_refused(tmp_path, monkeypatch):
    folder = build(tmp_path)
    pq.write_table(pq.read_table(first_file(folder)).drop_columns("category"), first_file(folder))
    monkeypatch.setattr("petoolkit.publisher.pack_dataset.check_files", lambda *of: {})
    with pytest.raises(InputError, match=r"columns are not the contract's \(1: chronological/test-00000"):
        pack(folder)


@pytest.mark.parametrize(
    ("row_id", "problem"),
    [
        (None, r"ids do not name their user and setting \(1: a row without id\)"),
        ("u2/preferred_only", r"rows lie in another config's folder \(1: u2/preferred_only\)"),
    ],
)
def test_a_row_that_does_not_belong_into_its_file_is_refused(tmp_path, monkeypatch, row_id, problem):
    folder = build(tmp_path)
    table = pq.read_table(first_file(folder))
    pq.write_table(table.set_column(0, "id", pa.array([row_id], pa.string())), first_file(folder))
    monkeypatch.setattr("petoolkit.publisher.pack_dataset.check_files", lambda *of: {})
    with pytest.raises(InputError, match=problem):
        pack(folder)


def test_a_folder_that_is_no_dataset_of_ours_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# Mine\n")
    with pytest.raises(InputError, match="is not a dataset that petoolbench wrote"):
        pack(tmp_path)
    with pytest.raises(InputError, match=r"is not a dataset .README.md is missing."):
        pack(tmp_path / "elsewhere")


# --- what stands in the texts ---------------------------------------------------------------------------------------

# In two parts, so that no search for keys finds this file.
KEYS = [
    "hf_" + "abcdefghijklmnopqrstuvwxyz123456",
    "sk-" + "proj-abcdefghij0123456789",
    "AKIA" + "ABCDEFGHIJKLMNOP",
    "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789",
    "0123456789" + "msh0123456789abcdep1abcdejsn0123456789ab",
    "-----BEGIN RSA " + "PRIVATE KEY-----",
    "eyJhbGciOiJIUzI1" + ".eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4",
]


@pytest.mark.parametrize("key", KEYS)
def test_keys_are_found_in_any_text_and_never_shown_whole(key):
    (found,) = find(f"Call it with {key} please.")
    assert (found.kind, found.value) == ("keys", key)
    assert found.masked == f"{key[:4]}*** ({len(key)} characters)"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Write to jane.roe@firm.co.uk.", ["jane.roe@firm.co.uk"]),
        ("someone@example.com, a@mail.example.org, you@firm.test, test@gmail.com, your.name@firm.com", []),
        ("Ring +44 20 7946 0018 or (212) 736-5000.", ["+44 20 7946 0018", "(212) 736-5000"]),
        (
            "Hotline(+84)336188188, tel:+33 4 76 09 56 63 (+35316703080)",
            ["(+84)336188188", "+33 4 76 09 56 63", "+35316703080"],
        ),
        ("Ring +1-453-5825-364 or 415-123-3444.", []),  # nobody can have these
        ("Item 2262542573, 6502530000; IP 206.71.50.230", []),
        ("Ring 212-555-0123, +1 555 123 4567, +12345678901 or +1 000 000 0000.", []),
        ("On 2024-05-16 at 52.520008,13.404954, order 4111111111111111, version 1.2.3.4567, 10.0.0.12", []),
        ('{"api_key": "c2Vj1mV0a2V5c2Vjcm"} and password=correct-horse-battery', ["c2Vj1mV0a2V5c2Vjcm"]),
        ("https://admin:s3cret9@firm.com/x", ["https://admin:s3cret9@firm.com"]),
        ("token: your_token_goes_here_please", []),
    ],
)
def test_addresses_numbers_and_passwords_are_told_from_examples(text, values):
    assert [found.value for found in find(text)] == values


@pytest.mark.parametrize(
    ("name", "value", "kinds"),
    [
        ("apiKey", "0f8a7b6c5d4e3f2a1b0c", ["keys"]),
        ("phoneNumber", "4917612345670", ["phones"]),
        ("phone", "12125550123", []),
        ("order", "4917612345670", []),
        ("token", "string", []),
        ("monkey", "0f8a7b6c5d4e3f2a1b0c", []),
    ],
)
def test_a_parameters_name_says_what_its_value_is(name, value, kinds):
    assert [found.kind for found in find_by_name(name, value)] == kinds


def documented(user, text, setting="chronological"):
    candidates = made(user)["candidate_tools"]
    return made(user, setting, candidate_tools=[{**candidates[0], "tool_description": text}, *candidates[1:]])


def test_what_is_found_in_the_texts_is_shown_masked_with_its_row_and_refused(tmp_path):
    mail, key = "jane.roe@" + "firm.org", KEYS[0]
    folder = build(tmp_path, [documented("u1", f"By {mail}")], [documented("u2", f"By {mail}, {key}")])
    with open(tmp_path / "shown", "w") as shown, pytest.raises(InputError) as told:
        pack(folder, Console(file=shown, width=300), findings=tmp_path / "all.jsonl")
    assert "the texts hold keys or passwords (1) and e-mail addresses (1); look at them" in str(told.value)
    assert "--allow-findings keys --allow-findings emails" in str(told.value)
    text = (tmp_path / "shown").read_text()
    assert mail not in text + str(told.value)
    assert key not in text + str(told.value)
    where = "candidate_tools.tool_description of <Weather>.<Aerwyn>.<forecast>, u2/chronological (2 rows)"
    assert f"  j***@f***.org in {where}" in text
    listed = {line["found"]: line for line in read_json_lines(tmp_path / "all.jsonl")}
    assert {found: line["rows"] for found, line in listed.items()} == {mail: 2, key: 1}


def test_only_the_kinds_that_were_allowed_are_published_and_the_card_says_so(tmp_path):
    folder = build(tmp_path, test=[documented("u2", f"By {FINDABLE}, +44 20 7946 0018")])
    with pytest.raises(InputError, match=r"the texts hold telephone numbers .1.; look"):
        pack(folder, allowed=["emails"])
    text = card(pack(folder, allowed=["emails", "phones"]))
    accepted = "e-mail addresses (1, in 1 row), telephone numbers (1, in 1 row)"
    assert f"**Found, and accepted by the publisher: {accepted}**" in text
    assert FINDABLE not in text.partition("```json")[0]


def test_texts_of_histories_and_calls_are_searched_too(tmp_path):
    history = [{**past_call("Aerwyn"), "parameters": json.dumps({"to": {"mail": FINDABLE}})}]
    folder = build(tmp_path, test=[made("u2", history=history)])
    with pytest.raises(InputError, match=r"hold e-mail addresses .1.;"):
        pack(folder)


# --- the rest of the card -------------------------------------------------------------------------------------------


def test_markup_in_a_row_stays_inside_its_fence(tmp_path):
    hostile = "```\n<script>alert(1)</script>\n# Heading\n````"
    text = card(pack(build(tmp_path, test=[made("u2", instruction=hostile)])))
    assert text.count("\n`````") == 2
    assert "\n# Heading" not in text


def test_a_licence_is_not_invented(tmp_path):
    folder = build(tmp_path)
    assert "license" not in read_card_text(pack(folder))
    assert read_card_text(pack(folder, licence="mit"))["license"] == "mit"


def test_a_dataset_without_a_record_counts_as_split_by_user_and_its_licence_is_not_known(tmp_path):
    folder = build(tmp_path)
    (folder / RECORD_FILE).unlink()
    with open(tmp_path / "shown", "w") as shown:
        package = pack(folder, Console(file=shown, width=500))
    assert "training and test share no user." in card(package)
    assert "license" not in read_card_text(package)
    assert RECORD_FILE not in package.files
    assert f"The folder has no {RECORD_FILE}" in (tmp_path / "shown").read_text()


def test_the_licence_of_the_embedded_catalogue_is_known_where_rules_wrote_all(tmp_path):
    folder = build(tmp_path)
    for author, licence in (("offline", "apache-2.0"), ("openai", None)):
        DatasetRecord(origin="build", author=author, recipe={"catalogue": ["embedded"]}).write(folder)
        package = pack(folder)
        assert read_card_text(package).get("license") == licence
        assert package.files[RECORD_FILE] == folder / RECORD_FILE


def read_card_text(package):
    from huggingface_hub import DatasetCard

    return DatasetCard(card(package)).data.to_dict()


def test_a_card_without_slots_gets_its_sections_before_the_citation(tmp_path):
    folder = build(tmp_path)
    text = (folder / "README.md").read_text()
    for slot in SLOTS:
        assert f"<!-- petoolbench push: {slot} -->" in text
        text = text.replace(f"<!-- petoolbench push: {slot} -->", "")
    (folder / "README.md").write_text(text)
    made_card = card(pack(folder))
    positions = [
        made_card.index(part) for part in ("figures/rows.png", "Before publication", "An example", "## Citation")
    ]
    assert positions == sorted(positions)


def test_without_matplotlib_the_card_has_no_pictures_and_the_command_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with open(tmp_path / "shown", "w") as shown:
        package = pack(build(tmp_path), Console(file=shown, width=200))
    assert "figures" not in card(package)
    assert not any(path.endswith(".png") for path in package.files)
    command = install_command("report")
    assert f"they need the package matplotlib: {command}" in " ".join((tmp_path / "shown").read_text().split())


@pytest.mark.slow
def test_the_rule_models_are_scored_on_the_test_split(tmp_path, monkeypatch):
    monkeypatch.setattr("petoolkit.embedding.Encoder", WordEncoder)
    rows = [made(user, setting) for user in ("u1", "u2", "u3") for setting in SETTINGS]
    text = card(pack(build(tmp_path, rows[:3], rows[3:]), rules=True))
    table = [line for line in text.splitlines() if line.startswith("| baseline:")]
    assert [line.split(" |")[0] for line in sorted(table)] == [
        f"| baseline:{name}" for name in sorted(set(BASELINES) - {"trait-oracle"})
    ]
    assert "on the 6 rows of the test split" in text
    assert "| baseline:popularity | 100.0" in text  # every gold call is the train split's


def test_a_rule_that_cannot_run_here_is_left_out_by_name(tmp_path, monkeypatch):
    def no_model():
        raise InputError("no model here.")

    monkeypatch.setattr("petoolkit.embedding.Encoder", no_model)
    rows = [made("u2", setting) for setting in SETTINGS]
    with open(tmp_path / "shown", "w") as shown:
        text = card(pack(build(tmp_path, test=rows), Console(file=shown, width=200), rules=True))
    assert "baseline:embedding is left out of the card: no model here." in (tmp_path / "shown").read_text()
    assert "baseline:lexical" in text
    assert "| baseline:embedding" not in text


def test_scores_need_test_rows_in_all_settings(tmp_path):
    train = [made("u1", setting) for setting in SETTINGS]
    folder = build(tmp_path, train, [made("u2"), made("u2", "preferred_only")])
    with pytest.raises(InputError, match="does not have test rows in all its settings, so --scores"):
        pack(folder, scores=tuple(folders(tmp_path / "scores", scores())))


@pytest.mark.slow
def test_a_dataset_of_two_settings_has_scores_of_both(tmp_path):
    rows = [made(user, setting) for user in ("u1", "u2") for setting in ("chronological", "preferred_only")]
    folder = build(tmp_path, rows[:2], rows[2:])
    assert "| baseline:lexical |" in card(pack(folder, rules=True))
    with pytest.raises(InputError, match="holds scores of other rows"):
        pack(folder, scores=tuple(folders(tmp_path / "scores", scores())))


def test_the_shipped_catalogue_holds_no_address_and_no_number_that_somebody_could_have():
    """A build of it can be published as it is."""
    folder = Path("builder/catalogue/embedded")
    assert [found for file in folder.glob("*.yaml") for found in find(file.read_text())] == []
