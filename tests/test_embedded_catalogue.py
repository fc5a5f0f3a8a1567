"""The embedded catalogue: its size, and its prose held against its traits."""

import re
from collections import Counter
from itertools import combinations

import pytest
from petoolkit.builder.catalogue.catalogue_files import catalogue_files
from petoolkit.builder.stages.collect import clean_text
from petoolkit.builder.traits import TRAITS, content_words, is_quoted, other_traits, uses_words_of

from petoolkit.block_rules import word_runs
from petoolkit.decoding import read_yaml

FILES = {file.stem: read_yaml(file) for file in catalogue_files(["embedded"])}
TYPES = {"STRING": str, "ENUM": str, "NUMBER": (int, float), "BOOLEAN": bool}
PARAMETERS = ("required_parameters", "optional_parameters")
OPENS_LIKE_A_PROGRAM = re.compile(r"(please )?(get|fetch|retrieve|return)\b", re.IGNORECASE)


@pytest.fixture(params=FILES, ids=str)
def category(request) -> dict:
    return FILES[request.param]


def parameters(function: dict, kinds=PARAMETERS) -> list[dict]:
    return [parameter for kind in kinds for parameter in function.get(kind) or []]


def apis(category: dict) -> list[dict]:
    return [api for provider in category["providers"] for api in provider["apis"].values()]


def test_it_is_large_enough_for_a_benchmark():
    categories = FILES.values()
    providers = [provider for category in categories for provider in category["providers"]]
    assert len(categories) >= 40
    assert sum(len(category["functions"]) for category in categories) >= 240
    assert len(providers) >= 240 and all(provider["traits"] for provider in providers)
    assert len({provider["name"] for provider in providers}) == len(providers)
    assert {trait for provider in providers for trait in provider["traits"]} == TRAITS.keys()


def test_each_function_has_enough_providers_and_parameters_of_its_own(category):
    offered = Counter(name for provider in category["providers"] for name in provider["apis"])
    assert offered.keys() == category["functions"].keys()
    assert min(offered.values()) >= 4
    signatures = [
        tuple(sorted((kind, p["name"], p["type"]) for kind in PARAMETERS for p in function.get(kind) or []))
        for function in category["functions"].values()
    ]
    assert len(set(signatures)) == len(signatures) >= 6
    assert all(function["required_parameters"] for function in category["functions"].values())


def test_examples_are_of_their_type_and_can_be_said(category):
    for function in category["functions"].values():
        for parameter in parameters(function):
            examples = parameter["examples"]
            assert parameter["default"] in examples, parameter["name"]
            assert parameter["type"] in ("BOOLEAN", "ENUM") or len(set(map(str, examples))) >= 8, parameter["name"]
            for example in examples:
                assert isinstance(example, TYPES[parameter["type"]]), (parameter["name"], example)
                assert isinstance(example, bool) == (parameter["type"] == "BOOLEAN"), (parameter["name"], example)
                assert not re.search(r"['\"\n<>{}\[\]]", str(example)), (parameter["name"], example)


def test_requests_say_each_required_value_once_and_read_as_people_ask(category):
    for name, function in category["functions"].items():
        required = sorted(p["name"] for p in function["required_parameters"])
        assert len(set(function["requests"])) >= 6, name
        for request in function["requests"]:
            assert sorted(re.findall(r"\{(\w+)\}", request)) == required, request
            assert not OPENS_LIKE_A_PROGRAM.match(request), request
            assert not other_traits(request), request
        for parameter in parameters(function, PARAMETERS[1:]):
            asks = parameter["asks"]
            if parameter["type"] == "BOOLEAN":
                assert asks.keys() == {"true", "false"} and all(asks.values()), parameter["name"]
            else:
                assert asks.count(f"{{{parameter['name']}}}") == 1, asks


def test_a_provider_says_its_traits_in_words_of_one_wording_each_and_no_other_traits(category):
    for provider in category["providers"]:
        description = clean_text(provider["description"])
        assert 2 <= len(provider["traits"]) <= 3 and 30 <= len(description.split()) <= 95, provider["name"]
        rest = " ".join(description.split())
        for trait, quote in provider["traits"].items():
            words = content_words(quote)
            alike = [wording for wording in TRAITS[trait].wordings if words & content_words(wording)]
            assert is_quoted(quote, description), (provider["name"], quote)
            assert len(words) >= 2 and len(alike) == 1, (provider["name"], trait, quote, alike)
            assert not other_traits(quote, (trait,)), (provider["name"], quote)
            rest = rest.replace(" ".join(quote.split()), " . ")
        assert not other_traits(rest), (provider["name"], other_traits(rest))


def test_descriptions_of_tools_speak_of_no_trait_and_none_repeats(category):
    descriptions = [api["description"] for api in apis(category)]
    assert len(set(descriptions)) == len(descriptions)
    assert len({api["name"] for api in apis(category)}) == len(descriptions)
    for description in descriptions:
        assert 6 <= len(description.split()) <= 35, description
        assert not other_traits(description), description


def test_a_trait_is_said_in_many_ways_over_the_catalogue():
    """Crossed wording needs other providers that say the same thing in other words."""
    said = {trait: set() for trait in TRAITS}
    for category in FILES.values():
        for provider in category["providers"]:
            for trait, quote in provider["traits"].items():
                said[trait] |= {w for w in TRAITS[trait].wordings if content_words(quote) & content_words(w)}
    assert {trait: len(wordings) for trait, wordings in said.items() if len(wordings) < 4} == {}


# --- the list of traits ---------------------------------------------------------------------------------------------


def test_the_list_has_traits_and_wordings_enough():
    assert len(TRAITS) >= 24
    for trait in TRAITS.values():
        assert len(set(trait.wordings)) >= 6 and len(trait.needs) >= 2 and trait.label, trait.name


@pytest.mark.parametrize("trait", TRAITS.values(), ids=TRAITS)
def test_the_wordings_of_a_trait_share_no_content_word_and_speak_of_no_other_trait(trait):
    for one, other in combinations(trait.wordings, 2):
        assert content_words(one).isdisjoint(content_words(other)), (one, other)
    for text in (*trait.wordings, *trait.needs):
        assert uses_words_of(text, trait.name), text
        assert other_traits(text, (trait.name,)) == {}, text


def test_no_two_wordings_have_five_words_in_a_row_in_common():
    wordings = [wording for trait in TRAITS.values() for wording in trait.wordings]
    for one, other in combinations(wordings, 2):
        assert word_runs(one).isdisjoint(word_runs(other)), (one, other)


def test_a_sentence_speaks_of_a_trait_by_two_words_of_one_wording():
    assert set(other_traits("Music for all. Nobody gets an invoice or pays any fee. It is a gift.")) == set()
    assert set(other_traits("Works without registration of any kind.")) == {"no_account"}
    assert other_traits("Works without registration of any kind.", ("no_account",)) == {}
    assert not uses_words_of("Songs and films.", "free") and uses_words_of("The price is nil.", "free")
