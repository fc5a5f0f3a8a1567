"""The commands around a selector: it is fitted, asked by an evaluation, and packed for the Hub."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hub_process import HubProcess, in_fresh_home
from hub_stand_in import HubStandIn
from petoolkit.builder.dataset_folder import write_dataset
from petoolkit.builder.selectors import selector_fit, selector_recipe
from rows import DATASET_FACTS
from selector_rows import WordVectors, made_rows

from petoolbench import InputError
from petoolbench_cli import main
from petoolkit.evaluator.evaluate import evaluate
from petoolkit.publisher.pack_selector import pack_selector
from petoolkit.selector import fit_attribute_reader, fit_choice_model, fit_selector, fit_trait_head, tool_selector
from petoolkit.selector.selector_files import read_selector
from petoolkit.shipped import recipe_path, recipes


@pytest.fixture(scope="module")
def patched(one_thread):
    """Vectors of words, and short fits: what is tested is the way there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit_attribute_reader, "_STEPS_OF_PROJECTION", 20)
        patch.setattr(fit_choice_model, "_FEWEST_STEPS", 100)
        patch.setattr(fit_trait_head, "_STEPS", 60)
        for module in (fit_selector, tool_selector):
            patch.setattr(module, "RowVectors", WordVectors)
        yield


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows") / "dataset"
    rows = [("train", row) for row in made_rows(120)] + [("test", row) for row in made_rows(48, 9000)]
    write_dataset(folder, iter(rows), lambda: DATASET_FACTS)
    return folder


@pytest.fixture(scope="module")
def fitted(patched, dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("selectors") / "mine"
    result = CliRunner().invoke(main, ["fit", "selector", "--dataset", str(dataset), "--out", str(folder)])
    assert result.exit_code == 0, result.output
    return folder, result.output


def test_a_fit_shows_scores_the_ladder_and_the_next_command(fitted):
    folder, shown = fitted
    assert "the provider" in shown and "learned: traits" in shown and "given the function" in shown
    assert f"--model selector:{folder}" in shown.replace("\n", "")
    card = (folder / "README.md").read_text()
    assert "It weighs no evidence that is true of how benchmarks are made only." in card
    assert "| preferred-only | 40 |" in card and "120 training rows of dataset" in card


def test_an_evaluation_asks_a_selector(fitted, dataset, tmp_path):
    scores = evaluate(str(dataset), "all", f"selector:{fitted[0]}", tmp_path / "out")
    assert scores.score("all", "tool_acc").value > 0.6
    assert scores.is_opponent and not scores.is_rule


def test_a_selector_is_packed_with_a_card_that_names_its_repository(fitted, tmp_path):
    package = pack_selector(fitted[0], "me/selector")
    assert set(package.files) == {"README.md", "selector.json", "selector.safetensors"}
    card = package.files["README.md"].decode()
    assert 'Selector.load("me/selector")' in card and "--model selector:me/selector " in card
    with pytest.raises(InputError, match="does not hold a selector"):
        pack_selector(tmp_path, "me/selector")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give either --dataset or --recipe"),
        (["--dataset", "nowhere"], "there is no dataset folder nowhere/ here"),
        (["--recipe", "nothing"], "recipe nothing does not exist"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_a_sentence(arguments, said, tmp_path):
    result = CliRunner().invoke(main, ["fit", "selector", *arguments, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2 and said in " ".join(result.output.split())


def test_a_dataset_without_a_train_split_is_refused(tmp_path):
    write_dataset(tmp_path / "d", iter([("test", row) for row in made_rows(12)]), lambda: DATASET_FACTS)
    with pytest.raises(InputError, match="has no train split"):
        selector_fit.fit_into([str(tmp_path / "d")], False, 0, tmp_path / "out", selector_fit.Console(quiet=True))


@pytest.mark.parametrize("path", recipes("selector"), ids=lambda path: path.stem)
def test_every_recipe_of_a_selector_names_recipes_of_builds(path):
    recipe = selector_recipe.load_selector_recipe(path)
    assert all(recipe_path("build", name).is_file() for name in recipe.builds)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("builds: [nothing]", "recipe nothing does not exist"),
        ("builds: []", "`builds`: "),
        ("builds: [embedded]\nusers: 3", "unknown key `users`"),
        ("- 1", "should hold `key: value` lines"),
    ],
)
def test_a_wrong_recipe_is_refused(text, said, tmp_path):
    Path(tmp_path / "r.yaml").write_text(text)
    with pytest.raises(InputError, match=said):
        selector_recipe.load_selector_recipe(tmp_path / "r.yaml")


def test_facts_on_disk_are_those_of_the_card(fitted):
    record = json.loads((fitted[0] / "selector.json").read_text())
    assert record["rows"] == 120 and record["construction"] is False and record["ladder"]


@pytest.mark.slow  # two processes, which import the publisher and the Hub's client
def test_a_pushed_selector_is_loaded_by_its_name_elsewhere(fitted, tmp_path):
    folder = fitted[0]
    with HubStandIn() as hub:
        with HubProcess(hub, tmp_path / "home") as petoolbench:
            pushed = petoolbench("push", "selector", folder, "me/choice")
            assert pushed.code == 0, pushed.output
            assert {*hub.files("model", "me/choice")} >= {"README.md", "selector.json", "selector.safetensors"}
            again = petoolbench("push", "selector", folder, "me/choice")
            assert again.code == 0 and len(hub.commits("model", "me/choice")) == 1, again.output
        card = hub.files("model", "me/choice")["README.md"].decode()
        assert "selector:me/choice" in card and str(folder.parent) not in card
        code = """
import json
from petoolbench import Selector
fitted = Selector.load("me/choice").fitted
print(json.dumps([fitted.evidence, float(abs(fitted.choice.networks.linear).sum()), sorted(fitted.filler)]))
"""
        evidence, linear, filler = in_fresh_home(hub, tmp_path / "elsewhere", code)
    own = read_selector(str(folder))
    assert tuple(evidence) == own.evidence and filler == sorted(own.filler)
    assert linear == float(abs(own.choice.networks.linear).sum())
