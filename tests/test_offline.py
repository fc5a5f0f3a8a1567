"""The offline author: rules whose texts one can foresee."""

import doctest
import json
from collections import Counter
from random import Random

import petoolkit.builder.authors.offline_functions
import pytest
from fakes import parameter, tool
from petoolkit.builder.authors.author import DescribeJob, UnderstandJob
from petoolkit.builder.authors.offline import OfflineAuthor
from petoolkit.builder.authors.offline_functions import can_be_asked, function_phrase
from petoolkit.builder.authors.offline_phrases import (
    ask_as_people_do,
    assigned_descriptions,
    attribute_sentences,
    write_request,
)
from petoolkit.builder.authors.offline_values import plausible_values
from petoolkit.builder.traits import TRAITS, other_traits

from petoolkit.block_rules import word_runs

OPENINGS = ("I want to {}", "I need to {}", "Please {}", "Can you {}", "Help me {}", "I would like to {}")


def drawn(function, times=300):
    """The distinct results of many draws, each from a generator of its own."""
    return {json.dumps(function(Random(seed))) for seed in range(times)}


def test_docstring_examples_hold():
    results = doctest.testmod(petoolkit.builder.authors.offline_functions)
    assert results.failed == 0
    assert results.attempted >= 2


@pytest.mark.parametrize(
    ("description", "phrase"),
    [
        ("Returns the weather.", "get the weather"),
        ("Provides quotes", "get quotes"),
        ("Shows a map of a city", "see a map of a city"),
        ("Lists and sorts players", "list and sort players"),
        ("Retrieves a random quote and saves it.", "retrieve a random quote and save it"),
        ("Classifies images", "classify images"),
        ("Getting a joke", "get a joke"),
        ("Use this endpoint to fetch news", "fetch news"),
        ("This API allows you to translate text", "translate text"),
        ("Allows users to search for songs", "search for songs"),
        ("The endpoint returns a joke", "get a joke"),
        ("You can use this endpoint to convert money.", "convert money"),
        ("The latest news", "get the latest news"),
        ("NASA picture of the day", "get the NASA picture of the day"),
        ("Analyses the sentiment of a given text", "analyse the sentiment of a text"),
        ("Summarises articles", "summarise articles"),
        ("Rounds a number up", "round a number up"),
        ("Matches the CV with the job", "match the CV with the job"),
        ("List of vehicles", "get the list of vehicles"),
        ("Uploading of a single file", "upload a single file"),
        ("Team rankings of a specified competition", "get the Team rankings of a competition"),
        ("Get weather for given cities", "get weather for cities"),
        ("Get weather for specified area", "get weather for an area"),
        ("This API request returns the fund's performance", "get the fund's performance"),
        ("The Teams by Country endpoint returns a list of teams", "get a list of teams"),
        ("The motivational quotes endpoint of our service provides quotes", "get quotes"),
        ("Our API can analyze text in 140 languages", "analyze text in 140 languages"),
        ("Use our Face API to detect faces", "detect faces"),
        ("At this endpoint, you can verify the code", "verify the code"),
        ("This will return tags ordered alphabetically", "get tags ordered alphabetically"),
        ("You can GET a user's feed by passing the user_id", "get a user's feed"),
        ("Gets the status of your jobs /get_result/{qid}", "get the status of my jobs"),
        ("Looks up [cities](https://x.y/z) by name", "look up cities by name"),
        ("This will return back the news of a day", "get the news of a day"),
        ("Generates or retrieves addresses", "generate or retrieve addresses"),
        ("Get weather. Get more.", "get weather"),
        ("Get the U.S. dollar rate", "get the U.S. dollar rate"),
        ("Gets the weather of a city: temperature, wind and rain", "get the weather of a city"),
        ("Gets cats: a list", "get cats: a list"),
        ("- `Find` a *hotel*  (any stars)!", "find a hotel"),
        ("Finds New York flights", "find New York flights"),
        ("Gets " + "very " * 40 + "much", "get" + " very" * 24),
        ("Weather", "get the Weather"),
        ("", "get"),
    ],
)
def test_function_phrase_is_a_verb_and_what_follows(description, phrase):
    assert function_phrase(description) == phrase


@pytest.mark.parametrize(
    ("description", "attributes"),
    [
        ("Weather for all. It is free. It knows rain. No key is needed.", "It is free. No key is needed."),
        ("Weather for all. It knows rain.", "Weather for all. It knows rain."),
        ("Weather for all. It knows rain. Pricing: free.", "Weather for all. It knows rain. Pricing: free."),
        ("Weather for all. It is free. Pricing: free.", "It is free. Pricing: free."),
        ("Free weather for all.", "Free weather for all."),
        ("Weather. " + "It is free. " * 40, ("It is free. " * 27).removesuffix(" free. ")),
        ("", ""),
    ],
)
def test_attribute_sentences_leave_the_function_out_where_something_else_is_said(description, attributes):
    """Facts alone are no reason to leave the rest out: many providers share them."""
    assert attribute_sentences(description) == attributes


def test_a_request_without_values_is_an_opening_and_the_phrase():
    expected = {opening.format("get news") + ("?" if "Can" in opening else ".") for opening in OPENINGS}
    assert drawn(lambda rng: write_request("get news", {}, rng)) == set(map(json.dumps, expected))


def test_a_request_says_its_values_in_one_of_three_ways():
    expected = set()
    for opening in OPENINGS:
        start, mark = opening.format("get news"), "?" if "Can" in opening else "."
        expected |= {
            f"{start}, with home city 'Rome', max days 3 and raw true{mark}",
            f"{start}{mark} Use 'Rome' as the home city, 3 as the max days and true as the raw.",
            f"{start}{mark} Home city: 'Rome'; max days: 3; raw: true.",
        }
    values = {"homeCity": "Rome", "max_days": 3, "raw": True}
    assert drawn(lambda rng: write_request("get news", values, rng)) == set(map(json.dumps, expected))


@pytest.mark.parametrize(
    "value", ["iPhone SE", "USD", "são paulo", "x", "2026-01-31", "a; b: C", 3, -2.5, 1e21, True, False, 0]
)
@pytest.mark.parametrize("name", ["City", "fromCurrency", "q", "_", ""])
def test_every_value_stands_verbatim_in_the_request(name, value):
    """The gold call can't be told from the request otherwise; values were once lower-cased."""
    said = f"'{value}'" if isinstance(value, str) else json.dumps(value)
    for seed in range(30):
        text = write_request("get news", {name: value, "Second": "McX"}, Random(seed))
        assert said in text
        assert "'McX'" in text


# --- parameters -----------------------------------------------------------------------------------------------------


CITIES = plausible_values(parameter("city"))


def values_of(described, required=True, times=40):
    """All that the author draws for one parameter of a tool that is alone in its catalogue."""
    only = tool("Data.Sunny.now", **{"required" if required else "optional": [described]})
    author = OfflineAuthor([only])
    return [author.draw_parameters(only, Random(seed)) for seed in range(times)]


@pytest.mark.parametrize(
    ("documented_type", "default", "value"),
    [
        ("STRING", '"Rome"', "Rome"),
        ("STRING", '"3"', "3"),
        (None, '"Rome"', "Rome"),
        ("NUMBER", "7", 7),
        ("NUMBER", '"3"', 3),
        ("number", '" 4.5 "', 4.5),
        ("BOOLEAN", "false", False),
        ("BOOLEAN", '"True"', True),
        ("Boolean", '"false"', False),
    ],
)
def test_a_text_default_takes_its_documented_type(documented_type, default, value):
    """RapidAPI writes every default as text."""
    drawn = values_of(parameter("mood", documented_type, default))
    assert json.dumps({"mood": value}) in map(json.dumps, drawn)
    assert {type(parameters["mood"]) for parameters in drawn} == {type(value)}


def test_a_default_is_asked_for_in_half_of_the_calls_where_other_values_are_known():
    """The call at its defaults would be right too often otherwise; an id of one provider is none of another's."""
    cities = Counter(parameters["city"] for parameters in values_of(parameter("city", default='"Rome"'), times=300))
    assert 120 < cities["Rome"] < 180 and cities.keys() - {"Rome"} <= set(CITIES)
    assert values_of(parameter("city_id", default='"Q220"')) == [{"city_id": "Q220"}] * 40


@pytest.mark.parametrize(
    ("described", "is_fitting"),
    [
        (parameter("city"), lambda v: v in CITIES),
        (parameter("homeCity", None, '""'), lambda v: v in CITIES),
        (parameter("city", "STRING", '"<redacted>"'), lambda v: v in CITIES),
        (parameter("city", "STRING", json.dumps("it's")), lambda v: v in CITIES),
        (parameter("city", "STRING", json.dumps("a" * 61)), lambda v: v in CITIES),
        (parameter("city", "STRING", '"string"'), lambda v: v in CITIES),
        (parameter("city", "STRING", '"YOUR_CITY"'), lambda v: v in CITIES),
        (parameter("city", "STRING", '"City"'), lambda v: v in CITIES),
        (parameter("days", "NUMBER"), lambda v: type(v) is int and 1 <= v <= 10),
        (parameter("days", "NUMBER", '"many"'), lambda v: type(v) is int and 1 <= v <= 10),
        (parameter("days", "NUMBER", '"true"'), lambda v: type(v) is int and 1 <= v <= 10),
        (parameter("year"), lambda v: v.isdigit() and len(v) == 4),
        (parameter("raw", "BOOLEAN"), lambda v: type(v) is bool),
        (parameter("raw", "BOOLEAN", '"7"'), lambda v: type(v) is bool),
        (parameter("startDate"), lambda v: v.startswith("2026-") and len(v) == 10),
        (parameter("day", "DATE (YYYY-MM-DD)"), lambda v: v.startswith("2026-") and len(v) == 10),
    ],
)
def test_a_required_value_is_a_plausible_one_where_none_can_be_said(described, is_fitting):
    """A default that is empty, of another type, a placeholder or breaks the quotes round it is none."""
    for parameters in values_of(described):
        assert list(parameters) == [described["name"]]
        assert is_fitting(parameters[described["name"]])


@pytest.mark.parametrize(
    "described",
    [
        parameter("socketMode"),
        parameter("city", "BINARY"),
        parameter("city", "ARRAY", "[1]"),
        parameter("city", "ENUM"),
        parameter("city", "NUMBER"),
        parameter("checksum", "NUMBER"),
        parameter("type", "STRING", '"string"'),
    ],
)
def test_a_tool_is_left_out_whose_required_value_nobody_could_guess(described):
    """Once it was asked for "with socket mode 'socket-mode-767'"."""
    assert plausible_values(described) == []
    bare = tool("Data.Sunny.now", required=[described]) | {"requests": []}
    assert why_left_out(bare) == "no plausible value is known for a required parameter"
    assert why_left_out(tool("Data.Sunny.now", optional=[described]) | {"requests": []}) is None
    value = 7 if described["type"] == "NUMBER" else "Rome"
    known = tool("Data.Birch.now", required=[parameter(described["name"], described["type"], examples=[value])])
    assert why_left_out(bare, known) is None


@pytest.mark.parametrize(
    ("description", "is_asked"),
    [
        ("Gets the weather.", True),
        ("Checks whether a value is an array", True),
        ("Get a list of all games that are played today", True),
        ("Acts the same as IsUserDeveloper", False),
        ("Fetch API status", False),
        ("The response contains the following information", False),
        ("It has the links and channels", False),
        ("For more details contact us", False),
        ("This can only be done by the logged in user.", False),
        ("[Link to our API reference](https://x.y/z)", False),
        ("Запрос на изменение настроек", False),
        ("https://x.y/z", False),
        ("offset = 0", False),
        ("Given an address, find its owner", False),
    ],
)
def test_a_tool_is_left_out_whose_description_is_nothing_one_can_ask_for(description, is_asked):
    assert can_be_asked(function_phrase(description)) == is_asked
    described = tool("Data.Sunny.now") | {"tool_description": description}
    assert (why_left_out(described | {"requests": []}) is None) == is_asked
    assert why_left_out(described | {"requests": ["What's up?"]}) is None, "a catalogue that says how people ask"


def why_left_out(only, *others):
    """Why the author rejects a tool in a catalogue of these."""
    (written,) = OfflineAuthor([only, *others]).understand_all([UnderstandJob(only, Random(0))])
    return written.rejected


def test_an_optional_value_is_never_invented():
    """A user who asks for more than is needed asks for something that exists."""
    assert {json.dumps(values) for values in values_of(parameter("mood"), required=False)} == {"{}"}
    assert {json.dumps(values) for values in values_of(parameter("mood", default='"calm"'), required=False)} == {
        "{}",
        '{"mood": "calm"}',
    }


def test_all_required_parameters_are_given_and_optional_ones_only_up_to_four():
    many = tool(
        "Data.Sunny.now",
        required=[parameter(name, default='"r"') for name in "abcde"],
        optional=[parameter("f", default='"o"')],
    )
    few = tool(
        "Data.Sunny.later",
        required=[parameter("a", default='"r"')],
        optional=[parameter(name, default='"o"') for name in "bcdef"],
    )
    author = OfflineAuthor([many, few])
    assert drawn(lambda rng: "".join(author.draw_parameters(many, rng))) == {'"abcde"'}
    sizes = {len(author.draw_parameters(few, Random(seed))) for seed in range(300)}
    assert sizes == {1, 2, 3, 4}


def test_values_come_from_the_same_parameter_of_the_category():
    """Of the same name and type, other tools' values are as good as one's own; none is invented."""
    asked = tool("Travel.Alder.stay", required=[parameter("mood", default='"Rome"')])
    bare = tool("Travel.Birch.stay", required=[parameter("Mood")])
    others = [
        tool("Travel.Cedar.stay", required=[parameter("mood", examples=["Oslo", "Lima"])]),
        tool("Travel.Cedar.ride", optional=[parameter("mood", "NUMBER", default="5")]),
        tool("Sports.Cedar.club", required=[parameter("mood", default='"Ajax"')]),
    ]
    author = OfflineAuthor([asked, bare, *others])

    def values(of):
        return {value for seed in range(100) for value in author.draw_parameters(of, Random(seed)).values()}

    assert values(asked) == values(bare) | {"Rome"} == {"Rome", "Oslo", "Lima"}
    assert values(others[0]) == {"Oslo", "Lima"}
    assert values(others[2]) == {"Ajax"}


# --- whole texts ----------------------------------------------------------------------------------------------------


def test_the_same_generator_writes_the_same_text_whatever_the_catalogue_order():
    tools = [
        tool("Travel.Alder.stay", required=[parameter("city", default='"Rome"'), parameter("nights", "NUMBER")]),
        tool("Travel.Birch.stay", required=[parameter("city", default='"Oslo"')]),
        tool("Travel.Cedar.stay", required=[parameter("city", default='"Lima"')]),
    ]

    def texts(author, seed):
        return [
            author.understand(tools[0], Random(seed)),
            author.interact(tools[0], Random(seed)),
            author.instruct(tools[0], "find a hotel", Random(seed)),
        ]

    forward, backward = OfflineAuthor(tools), OfflineAuthor(tools[::-1])
    for seed in range(30):
        assert texts(forward, seed) == texts(backward, seed)
    assert texts(forward, 0) != texts(forward, 1)


def test_understand_gives_an_example_and_two_descriptions():
    sunny = tool("Data.Sunny.now", required=[parameter("mood", default='"Rome"')]) | {
        "tool_description": "Returns the weather of a city.",
        "provider_description": "Weather for all. It is free.",
    }
    said = OfflineAuthor([sunny]).understand(sunny, Random(0))
    instruction = said["example"].pop("instruction")
    assert said == {
        "example": {"parameters": {"mood": "Rome"}},
        "functionality": "get the weather of a city",
        "attributes": "It is free.",
    }
    assert "get the weather of a city" in instruction
    assert "'Rome'" in instruction


def test_an_instruction_speaks_the_groups_words_not_the_tools():
    """The gold tool's own words would give it away among its group."""
    gold = tool("Data.Sunny.now", functionality="fetch secret phrase")
    texts = drawn(lambda rng: OfflineAuthor([gold]).instruct(gold, "get the weather", rng))
    phrases = ("get the weather", "look up the weather", "fetch the weather", "find out the weather")
    expected = {
        opening.format(phrase) + ("?" if "Can" in opening else ".") for opening in OPENINGS for phrase in phrases
    }
    assert texts == {json.dumps({"instruction": text, "parameters": {}}) for text in expected}


# --- descriptions for assigned traits -------------------------------------------------------------------------------


@pytest.mark.parametrize("category", ["Weather", "Animals_and_Pets", "Artificial_Intelligence_Machine_Learning"])
def test_descriptions_say_their_traits_and_share_no_words_where_wordings_are_crossed(category):
    """Whatever is drawn: of one category, with one trait, ten candidates and twenty called tools."""
    candidates = {f"c{number}": ["free"] for number in range(10)}
    called = {f"p{number}": ["free"] for number in range(20)}
    for seed in range(20):
        job = DescribeJob(dict.fromkeys([*candidates, *called], category), candidates, called, True, Random(seed))
        described = assigned_descriptions(job)
        assert described.keys() == {*candidates, *called}
        runs = frozenset().union(*(word_runs(described[name]) for name in candidates))
        for name, text in described.items():
            assert any(wording in text for wording in TRAITS["free"].wordings)
            assert not other_traits(text, ("free",))
            assert name in candidates or runs.isdisjoint(word_runs(text))


def test_a_provider_without_a_trait_is_described_by_its_category_alone():
    job = DescribeJob({"c": "Weather", "p": "Food"}, {"c": []}, {"p": []}, False, Random(0))
    described = assigned_descriptions(job)
    assert "weather" in described["c"] and "food" in described["p"]
    assert not any(other_traits(text) for text in described.values())


def test_optional_parameters_are_asked_for_in_the_calls_order():
    """Whatever order a set of their names would have in this process."""
    names = [f"part_{letter}" for letter in "hgfedcba"]
    options = [{**parameter(name), "asks": f"Mind {{{name}}}."} for name in names]
    documented = {**tool("Data.A.b", optional=options), "requests": ["Do it."]}
    asked = ask_as_people_do(documented, {name: name for name in names}, Random(0))
    assert asked == " ".join(["Do it.", *(f"Mind {name}." for name in names)])
