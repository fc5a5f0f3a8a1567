"""What a selector learns: which tools do a job, which trait a sentence says, and how parameters are filled."""

import json

import numpy as np
import pytest
import torch
from selector_rows import WordVectors, call, candidate, made_rows

from petoolkit.selector.attribute_reader import WORDS, AttributeReader
from petoolkit.selector.fit_filler import gold_calls, past_calls
from petoolkit.selector.fit_job_reader import fit_job_reader, job_case
from petoolkit.selector.fit_trait_head import fit_trait_head
from petoolkit.selector.row_reading import read_row, sentences_of
from petoolkit.selector.single_threaded import single_threaded


def row(tools, traits, kind="preference", instruction="The weather?", history=()):
    """The first tool is right; `traits` are those of each tool."""
    names = [tool["tool_name"] for tool in tools]
    return {
        "kind": kind,
        "group_id": "g1",
        "instruction": instruction,
        "candidate_tools": tools,
        "same_function_tools": names,
        "acceptable_tools": names[:1],
        "history": list(history),
        "tool_call": {"tool_name": names[0], "parameters": '{"city": "Oslo"}'},
        "taste": json.dumps({"tool_traits": dict(zip(names, traits, strict=True))}),
    }


def fitted_reader(rows, texts):
    asked = [row["instruction"] for row in rows]
    vectors = WordVectors().of(sentence for text in (*texts, *asked) for sentence in sentences_of(text))
    traits, head, bias = fit_trait_head(rows, vectors)
    return AttributeReader(np.zeros((96, 2)), head, bias, traits), vectors


def test_each_sentence_is_given_the_trait_that_its_description_has(one_thread):
    free, live, plain = "No fee is charged.", "Numbers arrive every second.", "Weights are in kilograms."
    said = {
        f"{free} {live}": ["free", "real_time"],
        f"{plain} {free}": ["free"],
        f"{live} {plain}": ["real_time"],
        plain: [],
    }
    tools = [candidate(f"<W>.<P{number}>.<f>", "weather", text) for number, text in enumerate(said)]
    reader, vectors = fitted_reader([row(tools, said.values())], said)
    assert reader.traits == ("free", "real_time")
    for sentence, expected in ((free, (1, 0)), (live, (0, 1)), (plain, (0, 0))):
        assert np.allclose(reader.read(sentence, vectors[sentence])[1], expected, atol=0.15)
    assert np.allclose(reader.traits_of((free, live), vectors), (1, 1), atol=0.15)
    assert reader.traits_of((), vectors).tolist() == [0, 0]


def test_a_need_is_one_of_the_traits_that_the_right_tool_alone_has(one_thread):
    """What it can be is told by two rows together."""
    need = "I have no money to spend."
    tools = [candidate(f"<W>.<P{number}>.<f>", "weather") for number in range(2)]
    asked = f"The weather? {need}"
    rows = [
        row(tools, [["free", "citable"], ["citable"]], "override", asked),
        row(tools, [["free", "real_time"], []], "override", asked),
    ]
    described = candidate("<W>.<P2>.<f>", "weather", "Scholars cite it. Numbers arrive live. No fee is charged.")
    rows.append(row([described, tools[0]], [["citable", "free", "real_time"], []]))
    reader, vectors = fitted_reader(rows, [need, described["provider_description"]])
    traits = dict(zip(reader.traits, reader.read(need, vectors[need])[1], strict=True))
    assert traits["free"] > 0.8
    assert reader.read("The weather?", vectors["The weather?"])[1].sum() < 0.1, "what else it says is none"


def test_without_labels_there_is_no_trait(one_thread):
    text = "No fee is charged."
    unlabelled = {**row([candidate("<W>.<P>.<f>", "weather", text)], [[]]), "taste": ""}
    reader, vectors = fitted_reader([unlabelled], [text])
    assert reader.traits == () and reader.head.shape == (96 + WORDS, 0)
    assert reader.read(text, vectors[text])[1].shape == (0,)


def test_the_filler_learns_of_past_calls_of_tools_whose_documents_are_known():
    tools = [candidate(f"<W>.<P{number}>.<f>", "weather") for number in range(2)]
    known = {**call("<W>.<P1>.<f>", "weather of Bergen"), "parameters": '{"city": "Bergen"}'}
    rows = [row(tools, [[], []], history=[known, known, call("<X>.<Q>.<g>", "song")])] * 2
    (gold,), (past,) = gold_calls(rows), past_calls(rows)
    assert (gold.instruction, gold.parameters) == ("The weather?", {"city": "Oslo"})
    assert (past.instruction, past.parameters) == ("Please, the weather of Bergen.", {"city": "Bergen"})
    assert past.tool == tools[1]
    assert past.function == gold.function, "two tools that do the same"


def job_reader(rows):
    readings = [read_row(one) for one in rows]
    vectors = WordVectors().of(text for reading in readings for text in reading.texts())
    found = fit_job_reader([job_case(one, reading, vectors) for one, reading in zip(rows, readings, strict=True)])
    assert found is not None
    return found


def job_evidence(reader, instruction, tools):
    """The logarithms beside the best, by name."""
    reading = read_row({**row(tools, [[]] * len(tools)), "id": "a/preferred_only", "instruction": instruction})
    found = reader.job_evidence(reading, WordVectors().of(reading.texts()))[:, 0]
    return {one.tool["tool_name"]: value for one, value in zip(reading.candidates, found, strict=True)}


def test_tools_that_do_the_same_job_do_it_alike_however_the_request_is_worded(one_thread):
    """The request has words of one of them only."""
    tools = [
        candidate("<W>.<A>.<f>", "weather forecast city"),
        candidate("<W>.<B>.<f>", "weather forecast today"),
        candidate("<S>.<C>.<g>", "song lyrics title"),
    ]
    found = job_evidence(job_reader(made_rows(60)), "Tell me about a city.", tools)
    assert found["<W>.<A>.<f>"] == 0
    assert found["<W>.<B>.<f>"] > -0.2 > -1 > found["<S>.<C>.<g>"]


def named(tool, *parameters):
    """The tool with parameters of these names."""
    (one,) = tool["required_parameters"]
    return {**tool, "required_parameters": [{**one, "name": name} for name in parameters]}


@pytest.mark.parametrize("of_tools", [((), ()), (("town",), ("stop",))])
def test_tools_do_the_same_job_alike_whatever_they_call_their_parameters(of_tools, one_thread):
    """Builds give the tools of a job the same parameters. Other people's tools have none, or names of their own, and
    a tool of another job may take just those of one that does the job."""
    rows = made_rows(60)
    for number, one in enumerate(rows):
        others = [tool for tool in one["candidate_tools"] if tool["tool_name"] not in one["same_function_tools"]]
        for tool in others:
            tool["required_parameters"] = named(tool, f"name{number}")["required_parameters"]
    first, second = of_tools
    tools = [
        named(candidate("<W>.<A>.<f>", "weather forecast city"), *first),
        named(candidate("<W>.<B>.<f>", "weather forecast today"), *second),
        named(candidate("<S>.<C>.<g>", "song lyrics title"), *first),
    ]
    found = job_evidence(job_reader(rows), "Tell me about the weather forecast of a city.", tools)
    assert found["<W>.<A>.<f>"] == 0
    assert found["<W>.<B>.<f>"] > -0.5 > -1.5 > found["<S>.<C>.<g>"]


@pytest.mark.parametrize("do_all", [True, False])
def test_where_no_two_tools_tell_what_sameness_is(do_all, one_thread):
    """All candidates of the rows do the job, or the right one alone."""
    rows = [dict(one) for one in made_rows(12)]
    for one in rows:
        names = [tool["tool_name"] for tool in one["candidate_tools"]]
        one["same_function_tools"] = names if do_all else one["acceptable_tools"]
    tools = [candidate("<W>.<A>.<f>", "weather"), candidate("<S>.<C>.<g>", "song")]
    found = job_evidence(job_reader(rows), "the weather", tools)
    assert (min(found.values()) > -0.01) == do_all


def test_learning_takes_one_thread_and_leaves_the_others_as_they_were(one_thread):
    torch.set_num_threads(2)

    @single_threaded()
    def learn() -> int:
        return torch.get_num_threads()

    assert (learn(), torch.get_num_threads()) == (1, 2)
    torch.set_num_threads(1)  # as the fixture has it
