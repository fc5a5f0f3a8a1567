"""What speaks for a value of a parameter: its words, what stands around it, and which sentence speaks of what."""

import numpy as np
import pytest

from petoolkit.selector.parameter_filler import ParameterFiller, parameters_of
from petoolkit.selector.parameter_reading import is_like, read_parameter
from petoolkit.selector.request_reading import least, read_request, sums
from petoolkit.selector.request_words import BUCKETS, WordMemory
from petoolkit.selector.spoken_parameters import SpokenParameters
from petoolkit.selector.value_candidates import candidates_for
from petoolkit.selector.value_evidence import value_evidence_of
from petoolkit.selector.word_vectors import WIDTH, rarity, word_vector


def parameter(name, kind, default, description):
    return {"name": name, "type": kind, "default": default, "description": description, "schema": None}


PARKING = {
    "tool_name": "<A>.<B>.<parking>",
    "tool_description": "Car parks near an address",
    "required_parameters": [parameter("near", "STRING", '"Sydney Opera House"', "Landmark close to which to park")],
    "optional_parameters": [
        parameter("covered_only", "BOOLEAN", "false", "Whether only covered parking is shown"),
        parameter("max_price", "NUMBER", "20", "Highest price of an hour in euros"),
    ],
}
ASKED = tuple(parameters_of(PARKING))
NOTHING_KNOWN = WordMemory(np.zeros(BUCKETS), np.zeros(BUCKETS))


def evidence(request):
    candidates = [candidates_for(one, request) for one in ASKED]
    return candidates, value_evidence_of(ASKED, candidates, request, PARKING, NOTHING_KNOWN)


def test_a_request_is_read_as_runs_of_words_between_marks_and_common_words():
    reading = read_request("Which books would readers of Wolf Hall enjoy? Fantasy, please.")
    runs = {" ".join(word.text for word in reading.words[first:last]) for first, last in reading.chunk.tolist()}
    assert {"books", "readers", "wolf hall enjoy", "fantasy"} <= runs
    assert reading.sentence.tolist() == [0] * 8 + [1] * 2


def test_sums_and_least_values_are_those_of_each_part():
    values, first, last = np.array([3.0, 1.0, 2.0]), np.array([0, 1, 2]), np.array([3, 2, 3])
    assert sums(values, first, last).tolist() == [6, 1, 2]
    assert least(values, first, last).tolist() == [1, 1, 2]


def test_frequent_words_are_less_rare_and_unknown_ones_most():
    assert 0 <= rarity("water") < rarity("terrace") < rarity("aphids") < 1 < rarity("qzxv")


def test_the_meaning_of_a_word_is_that_of_its_known_parts():
    assert np.allclose(word_vector("pick-up"), word_vector("pick") + word_vector("up"))
    assert word_vector("qzxv").tolist() == [0] * WIDTH
    reading = read_request("strawberries tomatoes qzxv")
    strawberries, tomatoes, unknown = reading.meanings(np.arange(3), np.arange(1, 4))
    assert strawberries @ tomatoes > 0.3
    assert not unknown.any()


def test_the_sentence_that_speaks_of_a_parameter_is_found():
    reading = read_request("Where can I park near the Prado Museum? The price should stay under 3 euros.")
    spoken = SpokenParameters(reading, [read_parameter(one) for one in ASKED], frozenset())
    assert spoken.speaks.argmax(axis=0).tolist()[2] == 1  # of the price
    assert spoken.margin[1].argmax() == 2
    assert spoken.asks(2)[-1] == 1.0


def test_a_sentence_is_negated_as_the_document_is_or_otherwise():
    """`Whether only covered parking is shown` has `only`, and no `not`."""
    readings = [read_parameter(one) for one in ASKED]
    assert readings[1].negations == (False, True)
    expected = {
        "Covered parking is not needed.": [1, -1, -1, -1],
        "Show covered parking only.": [-1, 1, 1, 1],
        "It must be covered parking.": [-1, 1, -1, -1],
    }
    for request, signs in expected.items():
        assert SpokenParameters(read_request(request), readings, frozenset()).negated(1)[:4] == signs


@pytest.mark.parametrize("request_", ["", " ", "?!", "¿?", "Oslo", "« 3 »", "'"])
def test_any_request_has_finite_evidence_of_the_same_columns(request_):
    candidates, found = evidence(request_)
    _, usual = evidence("Where can I park near the Prado Museum? It must have a roof.")
    assert [len(one) for one in found] == [len(one) for one in candidates]
    assert {one.shape[1] for one in found} == {usual[0].shape[1]}
    assert all(np.isfinite(one).all() for one in found)


def test_evidence_of_one_parameter_does_not_hang_on_the_order_of_its_candidates():
    request = "Where can I park near the Prado Museum for 3 euros?"
    candidates = [candidates_for(one, request) for one in ASKED]
    turned = [list(reversed(some)) for some in candidates]
    usual = value_evidence_of(ASKED, candidates, request, PARKING, NOTHING_KNOWN)
    for one, other in zip(usual, value_evidence_of(ASKED, turned, request, PARKING, NOTHING_KNOWN), strict=True):
        assert np.allclose(one, other[::-1])


def test_parameters_are_alike_by_type_and_form_of_the_default():
    start, end, days = parameters_of(
        {
            "tool_name": "<A>.<B>.<trip>",
            "tool_description": "",
            "required_parameters": [
                parameter("start", "STRING", '"Munich"', ""),
                parameter("end", "STRING", '"Vienna"', ""),
                parameter("days", "NUMBER", "3", ""),
            ],
            "optional_parameters": [],
        }
    )
    assert is_like(start, end)
    assert not is_like(start, days)


def test_a_call_without_parameters_is_empty():
    tool = PARKING | {"required_parameters": [], "optional_parameters": []}
    assert ParameterFiller({}).parameters(tool, "Where can I park?") == {}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("Where can I park near Wenceslas Square?", {"near": "Wenceslas Square"}),
        ("Parking near Hyde Park, please. The highest price is 5 euros.", {"near": "Hyde Park", "max_price": 5}),
        (
            "Parking near Hyde Park, please. Show covered parking only.",
            {"near": "Hyde Park", "covered_only": True},
        ),
    ],
)
def test_what_a_request_asks_for_is_filled(request_, expected):
    assert ParameterFiller({}).parameters(PARKING, request_) == expected


@pytest.mark.parametrize("request_text", ["", " ", "?! ...", "'", "\n\n", "\ud83d near", "(((((", "x" * 20_000])
def test_any_text_is_a_request(request_text):
    filled = ParameterFiller({}).parameters(PARKING, request_text)
    assert filled.keys() >= {"near"}
