"""`petoolbench catalogue`: what it says of small catalogues that one can check by eye."""

import json
from io import StringIO

import pytest
from click.testing import CliRunner
from fakes import WordEncoder
from petoolkit.builder.catalogue.catalogue_settings import CatalogueSettings
from petoolkit.builder.recipe import GroupSettings
from petoolkit.builder.survey.survey import survey
from petoolkit.builder.survey.survey_chapters import chapters
from petoolkit.builder.survey.survey_view import terminal_view, write_survey
from rich.console import Console

from petoolbench import InputError
from petoolbench_cli import main

CITY = {"name": "city", "type": "STRING", "description": "Name of the city", "default": "Rome"}
UNIT = {"name": "unit", "type": "string", "schema": {"type": "string", "enum": ["C", "F"]}}
TAGS = {"name": "tags", "type": "array", "schema": {"type": "array", "items": {"anyOf": [{"type": "string"}, {}]}}}
ALIKE = {"api_description": "Get the weather of a city", "required_parameters": [CITY]}


def row(provider, api, **changes):
    return {
        "category": "Weather",
        "tool": provider,
        "tool_description": f"All of {provider} is free",
        "api": api,
        "api_description": f"Get the {api} of a city",
        **changes,
    }


ROWS = [
    row("Sunny", "weather", **ALIKE, optional_parameters=[UNIT, TAGS]),
    row("Cloudy", "now", **ALIKE, optional_parameters=[UNIT, TAGS]),
    row("Rainy", "today", **ALIKE, tool_description=""),
    row("Sunny", "moon"),
    row("Cloudy", "phase", api_description="Get the moon of a city"),
    row("Misty", "old", api_description="Deprecated: get the fog of a city"),
]


@pytest.fixture
def catalogue(tmp_path):
    file = tmp_path / "tools.json"
    file.write_text(json.dumps(ROWS), encoding="utf-8")
    return [CatalogueSettings(path=str(file))]


def surveyed(catalogues, **settings):
    return survey(catalogues, GroupSettings(**{"eps": 0.1, "sweep": [0.3], **settings}), WordEncoder())


def test_a_survey_says_what_one_can_count_by_hand(tmp_path, catalogue):
    found = surveyed(catalogue)
    (file,) = found.files
    assert (file.formats, file.tools, file.providers) == (["a RapidAPI row"], 6, 4)
    assert found.counts == {"read": 6, "kept": 5, "dropped: deprecated": 1}
    assert (found.tools, found.described, found.unreadable) == (5, 4, 0)
    assert found.providers == {("Weather", "Sunny"): 2, ("Weather", "Cloudy"): 2, ("Weather", "Rainy"): 1}
    assert found.parameters == {
        "tools without parameters": 2,
        "parameters": 7,
        "required": 3,
        "with a type": 7,
        "with a description": 3,
        "with enumerated values": 2,
        "nested: objects or arrays": 2,
        "of several types (anyOf, oneOf)": 2,
    }
    assert found.scripts == {"Latin": 5}
    assert [list(one.values()) for one in found.sweep] == [
        [0.1, 2, 5, 3, 2, 2, 2, 2, 2, 2, 1],
        [0.3, 1, 5, 5, 1, 1, 1, 1, 1, 1, 1],
    ]
    assert [[name.rpartition("<")[2] for name in group["tools"]] for group in found.groups] == [
        ["now>", "weather>"],
        ["phase>", "moon>"],
    ]
    assert found.without_parameters == {"g00002"}
    assert (found.speakable, found.spoken_groups) == (5, 1)
    unknown = {"name": "grommet", "type": "OBJECT"}
    rows = [{**one, "required_parameters": [unknown]} for one in ROWS[:2]]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    found = surveyed([CatalogueSettings(path=str(tmp_path / "rows.json"))])
    assert (len(found.groups), found.speakable, found.spoken_groups) == (1, 0, 0)
    (said, *_) = chapters(found, [])[-1].sentences
    assert said.startswith("Rules can write requests for 0 of 1 group with parameters")
    assert list(surveyed(catalogue, uniform="required").rules["required"].values()) == [2, 2, 2, 2, 2, 2, 1]


def test_names_that_are_given_stand_for_the_catalogues_own(catalogue):
    (one,) = catalogue
    found = surveyed([one.model_copy(update={"provider": "Mine", "category": "Sky"})])
    assert found.providers == {("Sky", "Mine"): 2}  # of one provider, what has one description is one tool
    assert found.groups == []
    (_, *others) = chapters(found, [one.model_copy(update={"provider": "Mine"})])
    assert "No group is left" in others[-1].sentences[0]
    assert "--provider Mine" in others[-1].sentences[1]


def test_the_next_command_names_the_background_and_only_names_that_all_share(catalogue):
    found = surveyed(catalogue)
    one = catalogue[0].model_copy(update={"category": "Sky"})
    behind = CatalogueSettings(path="embedded", background=True)
    build, *_, logs = chapters(found, [one, behind])[-1].sentences
    assert f"--catalogue {one.path} --background embedded --category Sky`" in build
    assert f"--catalogue {one.path} --category Sky`" in logs and "background" not in logs
    assert "--category" not in chapters(found, [one, catalogue[0]])[-1].sentences[0]


@pytest.mark.parametrize("name", ["survey.html", "deep/survey.md"])
def test_a_written_survey_holds_all_and_escapes_what_others_wrote(tmp_path, catalogue, name):
    file = tmp_path / "hostile.json"
    hostile = "<script>alert(1)</script>|\u202e"
    rows = [{**ROWS[0], "tool": hostile, "category": f"{hostile}s"}, {**ROWS[1], "category": f"{hostile}s"}]
    file.write_text(json.dumps(rows), encoding="utf-8")
    given = [*catalogue, CatalogueSettings(path=str(file))]
    found = chapters(surveyed(given), given)
    write_survey(found, tmp_path / name)
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert "<script" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;" in text
    for chapter in found:
        assert chapter.title in text
    console = Console(width=80, record=True, file=StringIO())
    for part in terminal_view(found):
        console.print(part)
    shown = console.export_text()
    assert all(chapter.title in shown for chapter in found)
    assert "\u202e" not in shown


def test_the_command_shows_the_groups_and_the_next_command(tmp_path):
    out = tmp_path / "weather.html"
    result = CliRunner().invoke(main, ["catalogue", "embedded/Weather", "--max-distance", "0.6", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "petoolbench build --recipe own-tools --catalogue embedded/Weather" in " ".join(result.output.split())
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.json"], "catalogue nowhere.json does not exist"),
        (["embedded/Weather", "--out", "survey.txt"], "survey.txt is neither .html nor .md"),
    ],
)
def test_mistakes_are_said_in_a_sentence(arguments, said):
    result = CliRunner().invoke(main, ["catalogue", *arguments])
    assert result.exit_code == 2
    assert said in result.output


def test_an_empty_catalogue_is_refused(tmp_path):
    file = tmp_path / "tools.json"
    file.write_text(json.dumps([ROWS[-1]]), encoding="utf-8")
    with pytest.raises(InputError, match="no tool of the catalogue is left"):
        surveyed([CatalogueSettings(path=str(file))])
