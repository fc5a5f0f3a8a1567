"""A language model's replies: the forms that are asked for, and checks of what a form cannot say."""

import json
from collections import Counter
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from petoolbench import PARAMETER_KINDS, Setting
from petoolkit.schema_fit import ToolSchema

from .author import HistoryJob, InstructJob


class InvalidReply(ValueError):
    """A reply cannot be used; the message tells the model what is wrong with it."""


class Form(BaseModel):
    """The form of a reply."""

    model_config = ConfigDict(extra="forbid")  # strict JSON schemas demand it


class CallReply(Form):
    """A request and the parameters that fulfil it, as JSON text: a strict schema can't describe free-form values."""

    instruction: str
    parameters: str


class QuotedTrait(Form):
    """A trait of a provider, and the words of its description that say so."""

    trait: str
    quote: str


class AttributesReply(Form):
    """Two short descriptions of a tool, and the traits of its provider."""

    functionality: str
    attributes: str
    traits: list[QuotedTrait]


class InteractionReply(Form):
    """A past call."""

    instruction: str
    tool_name: str
    parameters: str


class RatedInteractionReply(InteractionReply):
    """A past call with the user's rating."""

    rating: int


class HistoryReply(Form):
    """Past calls, oldest first."""

    interactions: list[InteractionReply]


class RatedHistoryReply(Form):
    """Past calls with ratings, oldest first."""

    interactions: list[RatedInteractionReply]


Schema = TypeVar("Schema", bound=BaseModel)


def read_reply(content: str, schema: type[Schema]) -> Schema:
    """Decode a reply: the first JSON object in it, behind any reasoning or code fence.

    Raises:
        InvalidReply: if it holds no JSON object, or one that does not fit the schema.
    """
    text = content.rpartition("</think>")[2]
    start = text.find("{")
    if start < 0:
        raise InvalidReply("it holds no JSON object")
    try:
        value, _ = json.JSONDecoder().raw_decode(text, start)
        return schema.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidReply(f"`{'.'.join(map(str, first['loc']))}`: {first['msg'].lower()}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidReply(f"it is not valid JSON ({error})") from None


def check_call(reply: CallReply | InteractionReply, tool: dict) -> dict[str, Any]:
    """The parameters of a reply, if they fit the tool and the request says something.

    Raises:
        InvalidReply: for an empty request; for parameters that are not an object, that the tool lacks, that are
            missing, or that break its schema.
    """
    name = tool["tool_name"]
    if not reply.instruction.strip():
        raise InvalidReply(f"the instruction for {name} is empty")
    try:
        parameters = json.loads(reply.parameters or "{}")
    except (ValueError, RecursionError):
        parameters = None
    if not isinstance(parameters, dict):
        raise InvalidReply(f"the parameters of {name} are not a string that holds a JSON object")
    required = {parameter["name"] for parameter in tool["required_parameters"]}
    known = {parameter["name"] for kind in PARAMETER_KINDS for parameter in tool[kind]}
    if unknown := parameters.keys() - known:
        raise InvalidReply(f"{name} has no parameter {', '.join(sorted(unknown))}; it has: {', '.join(sorted(known))}")
    if missing := required - parameters.keys():
        raise InvalidReply(f"required parameters of {name} are missing: {', '.join(sorted(missing))}")
    if found := ToolSchema(tool).misfit(parameters):
        raise InvalidReply(f"the parameters of {name} break its schema: {found}")
    return parameters


def check_attributes(reply: AttributesReply) -> dict[str, Any]:
    """Both descriptions, stripped, and {trait: quote}, which the stage `understand` holds against the document.

    Raises:
        InvalidReply: if one is empty.
    """
    descriptions = {"functionality": reply.functionality.strip(), "attributes": reply.attributes.strip()}
    if empty := [name for name, text in descriptions.items() if not text]:
        raise InvalidReply(f"{' and '.join(empty)} must not be empty")
    return {**descriptions, "traits": {named.trait: named.quote.strip() for named in reply.traits}}


def check_history(reply: HistoryReply | RatedHistoryReply, job: HistoryJob) -> list[dict]:
    """The past calls, as `builder.authors.author.Author.write_histories` gives them.

    Raises:
        InvalidReply: if a call's tool was not given, is left out or stands twice, its parameters do not fit, a rating
            is not that of its tool, or the order is not that of the setting.
    """
    tools = {tool["tool_name"]: tool for tool, _ in job.calls}
    called = Counter(call.tool_name for call in reply.interactions)
    if unknown := called.keys() - tools.keys():
        raise InvalidReply(f"these tools were not given: {', '.join(sorted(unknown))}; copy the names exactly")
    if wrong := [name for name in tools if called[name] != 1]:
        raise InvalidReply(f"write exactly one interaction for each tool; not so for: {', '.join(wrong)}")
    calls = []
    for call in reply.interactions:
        liked = int(call.tool_name not in job.not_preferred)
        if isinstance(call, RatedInteractionReply) and call.rating != liked:
            raise InvalidReply(f"the rating of {call.tool_name} must be {liked}")
        calls.append(
            {
                "instruction": call.instruction.strip(),
                "tool_name": call.tool_name,
                "parameters": check_call(call, tools[call.tool_name]),
                "rating": liked if isinstance(call, RatedInteractionReply) else None,
            }
        )
    _check_order([call["tool_name"] in job.not_preferred for call in calls], job.setting)
    return calls


def _check_order(disliked: list[bool], setting: Setting) -> None:
    number = sum(disliked)
    if setting.dislikes == "first" and any(disliked[number:]):
        raise InvalidReply("all calls of tools that are not preferred must come before the calls of preferred ones")
    positions = [position for position, is_disliked in enumerate(disliked) if is_disliked]
    if setting.dislikes == "mixed" and 1 < number < len(disliked) and positions[-1] - positions[0] < number:
        raise InvalidReply("the disliked calls all stand together; mix them with the liked ones")


def check_instruction(reply: CallReply, job: InstructJob) -> dict:
    """What the user asks now, as `builder.authors.author.Author.instruct_all` gives it.

    Raises:
        InvalidReply: if the parameters do not fit the tool, or there is an objection to the instruction.
    """
    parameters = check_call(reply, job.tool)
    if found := job.misfit(parameters):
        raise InvalidReply(f"the instruction {found}; take other values")
    if objection := job.objection(reply.instruction):
        raise InvalidReply(f"the instruction {objection}; ask for the function in other words")
    return {"instruction": reply.instruction.strip(), "parameters": parameters}
