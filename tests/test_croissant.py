"""`croissant.json`: valid and loaded by mlcroissant, true to audit and record; other people's text is inert."""

import datetime
import json

import mlcroissant
import pytest
from conftest import ROOT
from petoolkit.builder.catalogue.catalogue_settings import CatalogueSettings
from petoolkit.builder.dataset_folder import write_dataset
from petoolkit.builder.recipe import load_recipe
from rich.console import Console
from rows import past_call, row

from petoolbench import SETTINGS
from petoolkit.audit_record import AUDIT_FILE, AuditRecord, GateResult
from petoolkit.dataset_record import DatasetRecord
from petoolkit.evaluator.chat_rows import chat_row
from petoolkit.publisher.croissant import CROISSANT, file_id
from petoolkit.publisher.pack_dataset import DatasetOptions, pack_dataset
from petoolkit.publisher.responsible_ai import responsible_ai

HOSTILE = 'tools</script><b>"\\\n@id: evil'
RECORD = DatasetRecord(
    origin="build",
    author="history: offline, instruct: openai",
    recipe={
        "catalogue": [
            "embedded",
            {"path": HOSTILE, "category": "X", "background": True},
            {"path": "tools.json", "licence": "cc-by-4.0", "source": "https://example.org/tools"},
        ],
        "llm": {"model": "some-model"},
        "group": {"model": "some/encoder"},
    },
    counts={"collect": {"read": 12, "kept": 9, "dropped: no description": 3}},
    asked={"instruct": {"replies": 7}},
)
DAY = datetime.date(2026, 11, 26)


def made(user, setting):
    return row(user, setting, "Aerwyn", [past_call("Aerwyn", 1 if setting == "rating_integrated" else None)])


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("croissant") / "petoolbench"
    rows = [(split, made(user, setting)) for split, user in (("train", "u1"), ("test", "u2")) for setting in SETTINGS]
    write_dataset(folder, rows, lambda: RECORD)
    options = DatasetOptions(rules=False, published=DAY, licence="apache-2.0")
    return pack_dataset(folder, "me/bench", options, Console(quiet=True))


@pytest.fixture(scope="module")
def content(package):
    return json.loads(package.files[CROISSANT])


@pytest.fixture(scope="module")
def loaded(package, content):
    data = {file_id(path): file for path, file in package.files.items() if path.startswith("data/")}
    return mlcroissant.Dataset(content, mapping=data)


def test_it_is_valid_without_a_warning(loaded):
    assert (loaded.metadata.ctx.issues.errors, loaded.metadata.ctx.issues.warnings) == (set(), set())
    assert loaded.metadata.data_biases and loaded.metadata.data_limitations  # mlcroissant knows these terms
    assert loaded.metadata.date_published.date() == DAY


def test_records_are_loaded_as_they_are_in_the_files(loaded):
    (found,) = [one for one in loaded.records("chat/test") if one["chat/test/id"] == b"u2/chronological"]
    expected = chat_row(made("u2", "chronological"))
    assert found["chat/test/completion"].decode() == expected["completion"]
    prompt = [
        {key.rpartition("/")[2]: text.decode() for key, text in one.items()} for one in found["chat/test/prompt"]
    ]
    assert prompt == expected["prompt"]
    (rated,) = loaded.records("rating_integrated/train")
    assert [one["rating_integrated/train/history/rating"] for one in rated["rating_integrated/train/history"]] == [1]
    assert len(rated["rating_integrated/train/candidate_tools"]) == 4


def test_all_files_are_described_with_where_they_are_and_their_hash(package, content):
    data = {path for path in package.files if path.startswith("data/")}
    url = "https://huggingface.co/datasets/me/bench/resolve/main/"
    assert {one["contentUrl"].removeprefix(url) for one in content["distribution"]} == data
    assert len(content["recordSet"]) == len(data) == 8
    assert content["license"] == "https://spdx.org/licenses/Apache-2.0.html"
    assert content["creator"]["url"] == "https://huggingface.co/me"


def test_biases_are_what_the_audit_measured(package, content):
    audit = AuditRecord.model_validate_json(package.files[AUDIT_FILE])
    text, one = " ".join(content["rai:dataBiases"]), audit.settings["chronological"]
    best = max((s for s in one.scores if s.kind == "shortcut"), key=lambda score: score.value)
    assert f"in chronological rows, {best.solver}, has {100 * best.value:.1f}" in text


def test_a_gate_that_was_allowed_to_fail_is_a_bias_and_an_older_dataset_claims_nothing_of_its_making(package):
    audit = AuditRecord.model_validate_json(package.files[AUDIT_FILE])
    gate = GateResult(name="seen", passes=False, finding="too high.")
    failing = audit.model_copy(update={"gates": [gate], "allowed": [gate.name]})
    found = responsible_ai("# A card\n\nWhat it is.\n", None, failing, {})
    assert f"The gate {gate.name} fails and was allowed to: too high." in found["rai:dataBiases"]
    assert found["description"] == "What it is."
    assert not {"isBasedOn", "rai:dataCollectionType", "rai:dataLimitations"} & found.keys()


def test_it_says_who_wrote_what_of_what_and_under_which_licence(content):
    writers = " ".join(content["rai:machineAnnotationTools"])
    assert "history: offline, instruct: openai" in writers and "some-model" in writers and "some/encoder" in writers
    ours, theirs, known = content["isBasedOn"]
    assert ours["license"].endswith("Apache-2.0.html") and "invented" in ours["description"]
    assert theirs["license"].startswith("not known") and "only fill past calls" in theirs["description"]
    assert known["license"] == "https://spdx.org/licenses/CC-BY-4.0.html"
    assert known["description"].endswith("From: https://example.org/tools.")
    assert "collect: read 12, kept 9, dropped: no description 3." in content["rai:dataPreprocessingProtocol"]
    limits = " ".join(content["rai:dataLimitations"])
    assert "Users are simulated" in limits and "One gold call a row" in limits and "**" not in limits
    assert content["rai:dataCollection"].startswith("Built from a catalogue of tools by `petoolbench build`.")
    assert content["description"].startswith("Given what a user asks")


def test_texts_of_others_are_values_of_json_and_cannot_end_a_script(package, content):
    raw = package.files[CROISSANT].decode()
    assert "<" not in raw and ">" not in raw and "&" not in raw
    assert content["isBasedOn"][1]["name"] == f"Catalogue of tools: {HOSTILE}"


def test_where_a_catalogue_is_from_is_in_the_recipe_that_is_published_and_changes_no_stage():

    known = {"path": "/home/me/tools.json", "licence": "mit", "source": "https://example.org"}
    plain = load_recipe(ROOT / "recipes/build/quickstart.yaml")
    named = plain.model_copy(update={"catalogue": [CatalogueSettings(**known), CatalogueSettings(path="embedded")]})
    assert named.publishable()["catalogue"] == [{**known, "path": "tools.json"}, "embedded"]
    assert CatalogueSettings(**known).names == {}
