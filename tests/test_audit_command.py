"""The command `audit`, its record, and what builds, pushes, cards and reports make of it."""

import json

import pytest
from click.testing import CliRunner
from fakes import WordEncoder
from petoolkit.builder.dataset_folder import check_replaceable, write_dataset
from petoolkit.builder.recipe import load_recipe
from report_folders import groups_of, scores
from rich.console import Console
from test_audit import clean, liked_provider_is_golds

from petoolbench import InputError
from petoolbench_cli import main
from petoolkit.audit.gates import gate_names
from petoolkit.audit.write_audit import audit_folder, with_audit
from petoolkit.audit_record import AUDIT_FILE, GateFailed, read_audit
from petoolkit.audit_tables import audit_section, verdict
from petoolkit.dataset_record import DatasetRecord
from petoolkit.embedding import Encoder
from petoolkit.publisher.pack_dataset import DatasetOptions, pack_dataset

CONSOLE = Console(file=open("/dev/null", "w"), width=200)  # noqa: SIM115 (it is never read)


@pytest.fixture(autouse=True)
def _no_model(monkeypatch):
    monkeypatch.setattr("petoolkit.embedding.Encoder", WordEncoder)


def dataset(folder, leak=lambda one, split: one, allow=()):
    splits = dict(zip(("test", "train"), clean(), strict=True))
    rows = [(split, leak(one, split)) for split, some in splits.items() for one in some]
    recipe = {"audit": {"allow": list(allow)}}
    record = DatasetRecord(origin="build", author="offline", split="provider", recipe=recipe)
    write_dataset(folder / "bench", rows, lambda: record)
    return folder / "bench"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return dataset(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def leaking(tmp_path_factory):
    """Its audit cannot count on the rows' `taste`, which the leak empties; nor can a push, which must not read it."""
    return dataset(tmp_path_factory.mktemp("leaking"), _vote_leak)


def _vote_leak(one, split):
    return {**liked_provider_is_golds(one, split), "block_id": ""}


def run(*arguments):
    return CliRunner().invoke(main, ["audit", *map(str, arguments)])


def test_the_command_shows_and_writes(sound, tmp_path):
    done = run(sound, "--out", tmp_path, "--gate")
    assert done.exit_code == 0, done.output
    assert "72 rows of the test split, of 216 rows in all (24 users, 12 blocks, 9 function groups)" in " ".join(
        done.output.split()
    )
    assert "All 19 gates hold." in done.output
    assert {file.name for file in tmp_path.iterdir()} == {AUDIT_FILE, "audit.md", "audit.png"}
    assert (tmp_path / "audit.md").read_text().startswith("## Audit\n")
    assert max(map(len, done.stdout.splitlines())) <= 120
    written = json.loads((tmp_path / AUDIT_FILE).read_text())
    assert written["settings"]["chronological"]["ceiling"] == 0.5


def test_without_out_the_folder_gets_the_record_alone(tmp_path):
    folder = dataset(tmp_path)
    assert run(folder).exit_code == 0
    record = read_audit(folder)
    assert record is not None and record.split == "test"
    assert check_replaceable(folder, "build")  # a build may replace it still
    file = next(folder.glob("data/*/test-*.parquet"))
    file.write_bytes(file.read_bytes() + b" ")
    assert read_audit(folder) is None  # the audit of other rows


def test_a_failing_gate_is_exit_code_1_and_its_name(leaking, tmp_path):
    assert run(leaking, "--out", tmp_path).exit_code == 0
    done = run(leaking, "--out", tmp_path, "--gate")
    assert done.exit_code == 1
    assert "provider-seen" in done.stderr
    failing = [gate.name for gate in read_json_record(tmp_path).failed]
    allowing = [part for name in failing for part in ("--allow", name)]
    assert run(leaking, "--out", tmp_path, "--gate", *allowing).exit_code == 0
    done = run(leaking, "--out", tmp_path, "--gate", *allowing[2:])
    assert done.exit_code == 1
    assert f"fails for {failing[0]};" in " ".join(done.stderr.split())


def read_json_record(folder):
    from petoolkit.audit_record import AuditRecord

    return AuditRecord.model_validate_json((folder / AUDIT_FILE).read_text())


@pytest.mark.parametrize("arguments", [["nowhere"], [".", "--allow", "provider"], ["me/bench"]])
def test_mistakes_are_one_sentence(arguments):
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ") and "Traceback" not in done.output


def test_a_folder_gets_record_and_section_once(tmp_path):
    folder = dataset(tmp_path)
    first = audit_folder(folder, CONSOLE)
    card = (folder / "README.md").read_text()
    assert card.count("## Audit") == 1
    assert "| provider-vote | 50.0 | 50.0 | 50.0 | passed |" in card
    assert audit_folder(folder, CONSOLE) == first
    assert (folder / "README.md").read_text() == card


def test_a_card_without_a_slot_gets_the_section_before_its_citation():
    once = with_audit("a\n\n## Citation\nb", "## Audit\n\ns")
    assert once == "a\n\n## Audit\n\ns\n\n## Citation\nb"
    assert with_audit(once, "## Audit\n\ns") == once


def test_a_push_audits_shows_and_sends(tmp_path):
    folder = dataset(tmp_path)
    package = pack_dataset(folder, "me/bench", DatasetOptions(rules=False), CONSOLE)
    assert read_audit(folder) is not None
    assert {AUDIT_FILE, "figures/audit.png"} <= package.files.keys()
    assert package.files["README.md"].decode().count("All 19 gates hold.") == 1
    assert "(figures/audit.png)" in package.files["README.md"].decode()


def test_a_push_refuses_what_is_not_allowed(leaking):
    with pytest.raises(GateFailed, match="provider-seen"):
        pack_dataset(leaking, "me/bench", DatasetOptions(rules=False), CONSOLE)
    package = pack_dataset(leaking, "me/bench", DatasetOptions(rules=False, allowed_gates=gate_names()), CONSOLE)
    assert "are let through by name" in package.files["README.md"].decode()
    with pytest.raises(InputError, match="unknown gate"):
        pack_dataset(leaking, "me/bench", DatasetOptions(rules=False, allowed_gates=["seen"]), CONSOLE)


def test_what_a_recipe_allows_is_let_through(tmp_path):
    folder = dataset(tmp_path, _vote_leak, allow=gate_names())
    record = audit_folder(folder, CONSOLE)
    assert not record.failed
    assert "let through by name" in verdict(record)
    assert "| allowed |" in audit_section(record)


def test_a_recipe_names_gates(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("users: 5\ngroup: {eps: 0.3}\naudit: {allow: [provider-seen]}\n")
    assert load_recipe(path).audit.allow == ["provider-seen"]
    path.write_text("users: 5\ngroup: {eps: 0.3}\naudit: {allow: [seen]}\n")
    with pytest.raises(InputError, match="unknown gate 'seen'"):
        load_recipe(path)


@pytest.mark.slow
def test_a_build_ends_with_exit_code_1_if_a_gate_fails(tmp_path, monkeypatch):
    """The embedded catalogue passes; a solver that is given the gold tool stands for a leak."""
    from dataclasses import replace

    from petoolkit.audit.solvers import SOLVERS

    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("users: 60\nseed: 3\ngroup: {eps: 0.3}\nexport: {test_share: 0.4}\n")
    arguments = ["build", "--recipe", str(recipe), "--run", str(tmp_path / "run"), "--dataset", str(tmp_path / "ds")]
    monkeypatch.setattr("petoolkit.embedding.Encoder", Encoder)
    told = replace(SOLVERS["provider-seen"], score=lambda learned, choices: choices.acceptable)
    monkeypatch.setitem(SOLVERS, "provider-seen", told)
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1, done.output
    assert "the audit's gate fails for provider-seen;" in " ".join(done.stderr.split())
    assert (tmp_path / "ds" / AUDIT_FILE).exists()
    assert CliRunner().invoke(main, arguments).exit_code == 1  # nothing has changed, and it fails still
    recipe.write_text(f"{recipe.read_text()}audit: {{allow: [provider-seen]}}\n")
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "| allowed |" in (tmp_path / "ds" / "README.md").read_text()


@pytest.mark.slow
def test_the_released_part_fails_as_it_was_found_to(official_part, tmp_path):
    """The figures of the findings, within 2 points: preferred, rating, chronological."""
    from petoolkit.builder.released_import import import_released

    import_released(official_part, tmp_path / "released", CONSOLE)
    assert run(tmp_path / "released", "--gate").exit_code == 1
    record = read_audit(tmp_path / "released")
    assert record is not None
    found = {
        score.solver: [
            100 * one.value
            for setting in record.settings.values()
            for one in setting.scores
            if one.solver == score.solver
        ]
        for score in record.settings["chronological"].scores
    }
    for solver, figures in {
        "provider-vote": (70, 90, 84),
        "provider-seen": (70, 19, 19),
        "tool-not-seen": (44, 73, 73),
        "co-occurrence": (87, 93, 94),
        "trees": (80, 94, 94),
    }.items():
        assert found[solver] == pytest.approx(figures, abs=2), solver


def test_a_report_shows_the_audit_of_its_dataset(tmp_path):
    from petoolkit.evaluator.report import report_audit
    from petoolkit.evaluator.report.report_figures import draw_figures

    folder = dataset(tmp_path)
    (group,) = groups_of(tmp_path / "not-audited", scores(dataset=str(folder)))
    assert group.audit is None and "holds no audit" in draw_figures(group)[1]["audit"]
    audit_folder(folder, CONSOLE)
    (group,) = groups_of(tmp_path / "audited", scores(dataset=str(folder)))
    figure = draw_figures(group)[0]["audit"]
    assert (figure.name, figure.finding) == ("1-audit", "All 19 gates hold.")
    assert figure.saved("svg").startswith(b"<?xml")
    solvers = report_audit.solvers(group.audit)
    assert [cell.text for cell in solvers.rows[1].cells] == ["50.0", "50.0", "50.0", "passed"]
    assert {row.name for row in report_audit.given_away(group.audit).rows} >= {
        "the history is empty",
        "users of the test split that training rows have",
    }
