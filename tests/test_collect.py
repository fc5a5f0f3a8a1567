"""Collect: what is dropped is counted by reason; what is kept is plain text in one form."""

from collections import Counter

import pytest
from fakes import parameter
from petoolkit.builder.catalogue.tool_document import Parameter, ToolDocument
from petoolkit.builder.stage_notes import Notes
from petoolkit.builder.stages.collect import clean_text, collect

from petoolbench import InputError


def document(**changes):
    """A good document of its own, with some fields changed."""
    return ToolDocument(
        **{
            "category": "Weather",
            "tool": "Sunny",
            "tool_description": "Weather for everyone.",
            "api": "now",
            "api_description": "Gets the weather of a city.",
            **changes,
        }
    )


def collected(*documents, max_description=800):
    notes = Notes()
    return list(collect(documents, max_description, True, notes)), notes.counts


OTHER = {"api": "later", "api_description": "Gets the forecast of a city."}


@pytest.mark.parametrize(
    ("changes", "fate"),
    [
        (OTHER, "kept"),
        ({**OTHER, "api": "later (DEPRECATED)"}, "dropped: deprecated"),
        ({**OTHER, "api": "later_deprecated"}, "dropped: deprecated"),
        ({**OTHER, "api_description": "Deprecated: use the other one."}, "dropped: deprecated"),
        ({**OTHER, "api_description": "This forecast is no longer available."}, "dropped: deprecated"),
        ({**OTHER, "tool": "Sunny [obsolete]"}, "dropped: deprecated"),
        ({**OTHER, "api_description": "Gets what is no longer forbidden."}, "kept"),
        ({**OTHER, "api_description": None}, "dropped: no description"),
        ({**OTHER, "api_description": "<p> &nbsp; </p>\x00"}, "dropped: no description"),
        ({**OTHER, "api_description": "Gets weather (v2)"}, "dropped: description too short"),
        ({**OTHER, "api_description": "Gets the weather"}, "kept"),
        ({**OTHER, "api_description": "1 2 3 4 5"}, "dropped: description too short"),
        ({**OTHER, "tool_description": None}, "dropped: provider not described"),
        ({**OTHER, "tool_description": "Weather 3000"}, "dropped: provider not described"),
        ({**OTHER, "tool_description": "Weather API", "pricing": "FREE"}, "dropped: provider not described"),
        ({**OTHER, "required_parameters": [{"name": "X-Api-Key"}]}, "dropped: requires credentials"),
        ({**OTHER, "required_parameters": [{"name": "access_token"}]}, "dropped: requires credentials"),
        ({**OTHER, "required_parameters": [{"name": "a", "type": "CREDENTIALS"}]}, "dropped: requires credentials"),
        ({**OTHER, "required_parameters": [{"name": "author"}, {"name": "keyword"}]}, "kept"),
        ({**OTHER, "optional_parameters": [{"name": "token"}]}, "kept"),
        ({"api_description": "Gets the forecast of a city."}, "dropped: repeated name"),
        ({"api": "later"}, "dropped: repeated description"),
        ({"api": "later", "api_description": "Gets the <b>weather</b> of a city. "}, "dropped: repeated description"),
        ({"api": "later", "required_parameters": [{"name": "city"}]}, "kept"),
        ({"tool": "Rainy"}, "kept"),
        ({"category": "Travel"}, "kept"),
        ({**OTHER, "tool_description": None, "api_description": "Deprecated."}, "dropped: deprecated"),
        ({"tool_description": None}, "dropped: provider not described"),
    ],
)
def test_a_tool_is_kept_or_dropped_for_one_reason(changes, fate):
    """The first document is kept; the fate is that of the second, counted once even where several reasons hold."""
    rows, counts = collected(document(), document(**changes))
    assert counts == Counter({"read": 2, "kept": 1}) + Counter([fate])
    assert len(rows) == counts["kept"]


def test_a_dropped_tool_does_not_make_the_next_one_a_duplicate():
    rows, counts = collected(document(tool_description=None), document())
    assert [row["tool_name"] for row in rows] == ["<Weather>.<Sunny>.<now>"]
    assert counts == Counter({"read": 2, "kept": 1, "dropped: provider not described": 1})


def test_a_catalogue_of_which_nothing_is_left_is_refused():
    with pytest.raises(InputError, match=r"no tool of the catalogue is left: .*'dropped: no description': 1"):
        collected(document(api_description=""))


def test_a_kept_row_has_one_form():
    rows, _ = collected(
        document(
            tool_description="Weather for&nbsp;everyone.\n",
            api_description="<p>Gets the <b>weather</b></p>",
            required_parameters=[Parameter(name="city", type="STRING", description=" A\tcity ", default="Rome")],
            optional_parameters=[Parameter(name="days", examples=[1, 3])],
            response_schema={"b": "int", "a": {"d": "str", "c": "str"}},
            pricing="FREEMIUM",
            latency_ms=1234.5,
            success_rate=99.6,
        )
    )
    assert rows == [
        {
            "tool_name": "<Weather>.<Sunny>.<now>",
            "category": "Weather",
            "provider": "Sunny",
            "vendor": None,
            "tool_description": "Gets the weather",
            "provider_description": "Weather for everyone. Pricing: freemium. "
            "Answers in about 1.2 s; 100 % of calls succeed.",
            "traits": {},
            "requests": [],
            "background": False,
            "required_parameters": [parameter("city", default='"Rome"', description="A city")],
            "optional_parameters": [parameter("days", type=None, examples=[1, 3])],
            "schema": None,
            "response": '{"a": {"c": "str", "d": "str"}, "b": "int"}',
        }
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ""),
        ("", ""),
        (" plain  text ", "plain text"),
        ("two\nlines\r\n\tand a tab", "two lines and a tab"),
        ("line \n break", "line break"),
        ("nul\x00 and bell\x07", "nul and bell"),
        ("turned \u202earound\u202c", "turned around"),
        ("hidden\u200bspace\ufeff", "hidden space"),
        ("Fish &amp; chips &#8364;5", "Fish & chips €5"),
        ("a<br/>b <a href='x'>link</a>", "a b link"),
        ("&lt;script&gt;alert&lt;/script&gt;", "alert"),
        ("temperatures < 5 and > 30 degrees", "temperatures < 5 and > 30 degrees"),
        ("naïve 天気 ☀", "naïve 天気 ☀"),
    ],
)
def test_clean_text_is_one_plain_line(text, expected):
    assert clean_text(text) == expected


@pytest.mark.parametrize(
    ("longest", "expected", "shortened"),
    [
        (27, "Gets the weather of a city.", 0),
        (26, "Gets the weather of [...]", 1),
        (25, "Gets the weather of [...]", 1),
        (24, "Gets the weather [...]", 1),
    ],
)
def test_a_long_description_is_cut_between_words_and_marked(longest, expected, shortened):
    (row,), counts = collected(document(tool_description="One two three."), max_description=longest)
    assert len(expected) <= longest
    assert row["tool_description"] == expected
    assert counts["shortened"] == shortened


def test_the_description_of_a_parameter_with_a_schema_is_longer():
    parameters = [{"name": "data", "description": "word " * 200}, {"name": "rows", "description": "word " * 2000}]
    with_schema = [{**parameter, "schema": {"type": "array", "items": {}}} for parameter in parameters]
    (row, other), counts = collected(
        document(required_parameters=parameters), document(**OTHER, required_parameters=with_schema)
    )
    assert [len(parameter["description"]) for parameter in row["required_parameters"]] == [800, 800]
    assert [len(parameter["description"]) for parameter in other["required_parameters"]] == [999, 5000]
    assert counts["shortened"] == 2


def test_facts_are_added_after_the_cut():
    """However long a provider talks, its price can be read."""
    (row,), _ = collected(document(tool_description="One two three four five", pricing="PAID"), max_description=20)
    assert row["provider_description"] == "One two three [...] Pricing: paid."


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "Weather for everyone."),
        ({"pricing": ""}, "Weather for everyone."),
        ({"pricing": "FREE"}, "Weather for everyone. Pricing: free."),
        ({"pricing": "<b>FREE</b>\x00"}, "Weather for everyone. Pricing: free."),
        (
            {"latency_ms": 80, "success_rate": 100},
            "Weather for everyone. Answers in about 0.1 s; 100 % of calls succeed.",
        ),
        ({"latency_ms": 80}, "Weather for everyone."),
        ({"success_rate": 100}, "Weather for everyone."),
    ],
)
def test_known_facts_end_the_provider_description(facts, expected):
    (row,), _ = collected(document(**facts))
    assert row["provider_description"] == expected


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        (None, None),
        ("", '""'),
        ("Rome", '"Rome"'),
        ("null", '"null"'),
        ("Zürich", '"Zürich"'),
        (0, "0"),
        (2.5, "2.5"),
        (False, "false"),
        ([], "[]"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
    ],
)
def test_a_default_is_json_text_and_its_absence_is_null(default, expected):
    (row,), _ = collected(document(required_parameters=[Parameter(name="city", default=default)]))
    assert row["required_parameters"][0]["default"] == expected


@pytest.mark.parametrize(
    ("schema", "expected"), [(None, None), ({}, None), ("", None), ([{"a": 1}], '[{"a": 1}]'), ("text", '"text"')]
)
def test_a_response_is_canonical_text_or_null(schema, expected):
    (row,), _ = collected(document(response_schema=schema))
    assert row["response"] == expected
