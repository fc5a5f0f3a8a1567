"""The `offline` author: rules write the texts, out of the tools' documents. It needs no key and no network.

Its texts are plain on purpose; the dataset's card says that rules wrote them.
"""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from petoolbench import PARAMETER_KINDS, ToolName
from petoolkit.chunks import parts_of
from petoolkit.engines.engine import HERE, Engine

from ..traits import TRAITS
from .author import DescribeJob, HistoryJob, InstructJob, OverrideJob, ServeJob, UnderstandJob, Written
from .offline_functions import can_be_asked, function_phrase
from .offline_phrases import (
    ask_as_people_do,
    assigned_descriptions,
    attribute_sentences,
    reworded,
    write_request,
)
from .offline_values import documented_values, plausible_values
from .schema_values import ValueSchema, value_schemas

_TOOLS_AT_ONCE = 1_000
_MOST_DRAWS = 12  # of an instruction for one user
_OPTIONAL_SHARE = 0.4  # how often an optional parameter is asked for
_MOST_PARAMETERS = 4  # beyond which no optional one is
_OWN_DEFAULT_SHARE = 0.5  # how often a documented default is asked for, rather than another value of that name


class OfflineAuthor:
    """Writes examples, descriptions, interactions and instructions by rules.

    Args:
        tools: all collected tools (columns of `collect`); parameters without examples of their own take values that
            tools of the same category document for a parameter of the same name, or else plausible ones for its name.
        engine: looks for these values.
    """

    def __init__(self, tools: Iterable[dict], engine: Engine = HERE):
        documented: dict[tuple[str, str], dict[str, Any]] = {}
        for _, found in engine.run(_values_by_key, parts_of(tools, _TOOLS_AT_ONCE)):
            for key, values in found.items():
                documented.setdefault(key, {}).update(values)
        self._values = {key: [values[text] for text in sorted(values)] for key, values in documented.items()}

    def understand(self, tool: dict, rng: random.Random) -> dict:
        """An example of use, and two short descriptions: of the function, and of the non-functional attributes."""
        functionality = function_phrase(tool["tool_description"])
        parameters = self.draw_parameters(tool, rng)
        return {
            "example": {"instruction": _request(tool, functionality, parameters, rng), "parameters": parameters},
            "functionality": functionality,
            "attributes": attribute_sentences(tool["provider_description"]),
        }

    def interact(self, tool: dict, rng: random.Random) -> dict:
        """A past call of this tool: {instruction, parameters}."""
        parameters = self.draw_parameters(tool, rng)
        return {"instruction": _request(tool, tool["functionality"], parameters, rng), "parameters": parameters}

    def instruct(self, tool: dict, functionality: str, rng: random.Random, rivals: Sequence[dict] = ()) -> dict:
        """What the user asks now: {instruction, parameters}.

        `functionality` is the group's, in the same words whichever of its tools is the gold one: the tool's own words
        would give it away. The parameters fit the schemas of `rivals`, too, as far as there are such values.
        """
        parameters = self.draw_parameters(tool, rng, rivals)
        return {
            "instruction": _request(tool, reworded(functionality, rng), parameters, rng),
            "parameters": parameters,
        }

    def understand_all(self, jobs: Iterable[UnderstandJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`; a tool of which no request can be made is rejected."""
        for job in jobs:
            why_not = self.why_not_asked(job.tool)
            yield Written(None, why_not) if why_not else Written(self.understand(job.tool, job.rng))

    def write_histories(self, jobs: Iterable[HistoryJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`; rules reject nothing here."""
        for job in jobs:
            yield Written(
                [
                    {**self.interact(tool, job.rng), "tool_name": tool["tool_name"], "rating": rating}
                    for tool, rating in job.calls
                ]
            )

    def instruct_all(self, jobs: Iterable[InstructJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`; an instruction is drawn again while there is an objection to it."""
        for job in jobs:
            for _ in range(_MOST_DRAWS):
                instruction = self.instruct(job.tool, job.functionality, job.rng, job.rivals)
                objection = job.objection(instruction["instruction"]) or job.misfit(instruction["parameters"])
                if not objection:
                    break
            if objection:
                yield Written(None, objection, instruction["instruction"])
            else:
                yield Written(instruction)

    def describe_all(self, jobs: Iterable[DescribeJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`; the sentences are those of `builder.traits`."""
        for job in jobs:
            yield Written(assigned_descriptions(job))

    def override_all(self, jobs: Iterable[OverrideJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`; rules reject nothing here."""
        for job in jobs:
            end = "" if job.instruction.endswith((".", "?", "!")) else "."
            yield Written(f"{job.instruction}{end} {job.rng.choice(TRAITS[job.trait].needs)}")

    def serve_all(self, jobs: Iterable[ServeJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`; all are rejected."""
        for _ in jobs:
            yield Written(None, "rules do not judge whether another tool can fulfil an instruction")

    def draw_parameters(self, tool: dict, rng: random.Random, rivals: Sequence[dict] = ()) -> dict[str, Any]:
        """Values for every required parameter, and for some of the optional ones that have documented values."""
        own = value_schemas(tool)
        shared = value_schemas(tool, rivals) if rivals else own

        def draw(parameter: dict) -> Any:
            name = parameter["name"]
            possible = self._draw_value(tool, parameter, rng, shared[name])
            return self._draw_value(tool, parameter, rng, own[name]) if possible is None else possible

        parameters = {parameter["name"]: draw(parameter) for parameter in tool["required_parameters"]}
        for parameter in tool["optional_parameters"]:
            if (
                rng.random() < _OPTIONAL_SHARE
                and len(parameters) < _MOST_PARAMETERS
                and self._known(tool, parameter, own[parameter["name"]])
                and (parameter["asks"] or not tool["requests"])  # else the request would not say the value
            ):
                parameters[parameter["name"]] = draw(parameter)
        return parameters

    def why_not_asked(self, tool: dict) -> str | None:
        """Why nobody would ask for a tool in words that rules can find."""
        if not (tool["requests"] or can_be_asked(function_phrase(tool["tool_description"]))):
            return "its description says nothing that rules can make a request of"
        schemas = value_schemas(tool)
        for parameter in tool["required_parameters"]:
            schema = schemas[parameter["name"]]
            if not (self._known(tool, parameter, schema) or plausible_values(parameter, (), schema)):
                return "no plausible value is known for a required parameter"
        return None

    def _known(self, tool: dict, parameter: dict, schema: ValueSchema) -> list:
        """The values that tools of the category document for a parameter of this name, and that fit its schema."""
        known = self._values.get(_value_key(tool, parameter), [])
        return [value for value in known if schema.fits(value)] if schema.is_known else known

    def _draw_value(self, tool: dict, parameter: dict, rng: random.Random, schema: ValueSchema) -> Any:
        """A value; `None` if none is known that fits."""
        own = documented_values(parameter, schema)
        if own and (parameter["examples"] or rng.random() < _OWN_DEFAULT_SHARE):
            return rng.choice(own)
        known = self._known(tool, parameter, schema)
        others = [value for value in known if value not in own]
        possible = others or plausible_values(parameter, own, schema) or known or own
        return rng.choice(possible) if possible else None


def _request(tool: dict, phrase: str, parameters: dict[str, Any], rng: random.Random) -> str:
    """A request in the catalogue's own words, if it has some; else for `phrase`."""
    if tool["requests"]:
        return ask_as_people_do(tool, parameters, rng)
    return write_request(phrase, parameters, rng)


def _values_by_key(tools: Iterable[dict]) -> dict[tuple[str, str], dict[str, Any]]:
    """The values that tools document, by their JSON text, by `_value_key`."""
    documented: dict[tuple[str, str], dict[str, Any]] = {}
    for tool in tools:
        schemas = value_schemas(tool)
        for parameter in (parameter for kind in PARAMETER_KINDS for parameter in tool[kind]):
            for value in documented_values(parameter, schemas[parameter["name"]]):
                documented.setdefault(_value_key(tool, parameter), {})[json.dumps(value)] = value
    return documented


def _value_key(tool: dict, parameter: dict) -> tuple[str, str]:
    return ToolName.parse(tool["tool_name"]).category, f"{parameter['name']}:{parameter['type']}".lower()
