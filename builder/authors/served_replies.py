"""Replies of a language model that say which tools can fulfil an instruction."""

from typing import Any

from .author import ServeJob
from .author_replies import CallReply, Form, InvalidReply, check_call


class ServedTool(Form):
    """Whether one tool can, and how it is then called; `parameters` is JSON text."""

    key: str
    can: bool
    parameters: str


class ServedReply(Form):
    """An entry for each tool."""

    tools: list[ServedTool]


def served_tools(job: ServeJob) -> dict[str, dict]:
    """The tools by the keys that stand for them in the prompt."""
    return {f"t{number}": tool for number, tool in enumerate(job.tools, start=1)}


def check_served(reply: ServedReply, job: ServeJob) -> dict[str, dict[str, Any] | None]:
    """The parameters of each tool by its name; `None` for one that cannot fulfil the instruction.

    Raises:
        InvalidReply: if there is not one entry for each key, or the parameters do not fit a tool.
    """
    tools = served_tools(job)
    keys = [tool.key for tool in reply.tools]
    if sorted(keys) != sorted(tools):
        raise InvalidReply(f"write exactly one entry for each key: {', '.join(tools)}")
    served = {}
    for one in reply.tools:
        tool = tools[one.key]
        call = CallReply(instruction=job.instruction, parameters=one.parameters)
        served[tool["tool_name"]] = check_call(call, tool) if one.can else None
    return served
