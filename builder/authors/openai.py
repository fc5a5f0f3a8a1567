"""The `openai` author: a language model writes (paper, section 3.2, appendix C), and its replies are checked."""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from pydantic import BaseModel

from petoolbench import PARAMETER_KINDS, default_of, shown_schema
from petoolkit.endpoint.ask import Endpoint
from petoolkit.endpoint.request import Ask, Request, RequestFailed

from ..traits import TRAITS
from . import author_prompts as prompts
from .author import DescribeJob, HistoryJob, InstructJob, OverrideJob, ServeJob, UnderstandJob, Written
from .author_replies import (
    AttributesReply,
    CallReply,
    HistoryReply,
    InvalidReply,
    RatedHistoryReply,
    check_attributes,
    check_call,
    check_history,
    check_instruction,
    read_reply,
)
from .block_replies import DescriptionsReply, RequestReply, check_descriptions, check_need, described_items
from .served_replies import ServedReply, check_served, served_tools


class OpenAIAuthor:
    """Asks a model behind an OpenAI-compatible endpoint; an invalid reply goes back with what is wrong with it.

    Args:
        endpoint: where to ask. Its settings' `attempts` is how often a record is asked for before it is rejected; its
            usage counts invalid replies and texts that were cut, too.
        seed: sent along with each request.
    """

    def __init__(self, endpoint: Endpoint, seed: int):
        self._endpoint = endpoint
        self._seed = seed

    def understand_all(self, jobs: Iterable[UnderstandJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`."""
        return self._endpoint.answer_all(jobs, self._understand)

    def write_histories(self, jobs: Iterable[HistoryJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`.

        Raises:
            InputError: if there is a setting without a prompt.
        """
        prompts.check_history_prompts()
        return self._endpoint.answer_all(jobs, self._write_history)

    def instruct_all(self, jobs: Iterable[InstructJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`."""
        return self._endpoint.answer_all(jobs, self._instruct)

    def describe_all(self, jobs: Iterable[DescribeJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`."""
        return self._endpoint.answer_all(jobs, self._describe)

    def override_all(self, jobs: Iterable[OverrideJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`."""
        return self._endpoint.answer_all(jobs, self._override)

    def serve_all(self, jobs: Iterable[ServeJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`."""
        return self._endpoint.answer_all(jobs, self._serve)

    async def _understand(self, job: UnderstandJob, ask: Ask) -> Written:
        document = _document(job.tool)

        def check_example(reply: CallReply) -> dict:
            return {"instruction": reply.instruction.strip(), "parameters": check_call(reply, job.tool)}

        example = await self._converse(ask, "example", CallReply, check_example, tool=document)
        if example.rejected:
            return example
        known = [{"trait": trait.name, "meaning": trait.label} for trait in TRAITS.values()]
        values = {"tool": document, "example": example.value, "traits": known}
        attributes = await self._converse(ask, "attributes", AttributesReply, check_attributes, **values)
        return attributes if attributes.rejected else Written({"example": example.value, **attributes.value})

    async def _write_history(self, job: HistoryJob, ask: Ask) -> Written:
        schema = RatedHistoryReply if job.setting.is_rated else HistoryReply
        called = {tool["tool_name"]: _understood(tool) for tool, _ in job.calls}
        values = {"preferred": [tool for name, tool in called.items() if name not in job.not_preferred]}
        if job.setting.dislikes != "none":
            values["not_preferred"] = [tool for name, tool in called.items() if name in job.not_preferred]
        check = partial(check_history, job=job)
        return await self._converse(ask, prompts.history_task(job.setting), schema, check, **values)

    async def _instruct(self, job: InstructJob, ask: Ask) -> Written:
        check = partial(check_instruction, job=job)
        history = [{**call, "parameters": json.loads(call["parameters"])} for call in job.history]
        values = {"tool": _document(job.tool), "functionality": job.functionality, "history": history}
        return await self._converse(ask, "instruction", CallReply, check, **values)

    async def _describe(self, job: DescribeJob, ask: Ask) -> Written:
        candidates, called = described_items(job)
        values = {"candidates": candidates, "called": called, "is_crossed": job.is_crossed}
        check = partial(check_descriptions, job=job)
        return await self._converse(ask, "descriptions", DescriptionsReply, check, **values)

    async def _override(self, job: OverrideJob, ask: Ask) -> Written:
        trait = TRAITS[job.trait]
        need = {"the provider": trait.label, "as people say it": list(trait.needs)}
        values = {"instruction": job.instruction, "parameters": json.loads(job.parameters), "need": need}
        return await self._converse(ask, "override", RequestReply, partial(check_need, job=job), **values)

    async def _serve(self, job: ServeJob, ask: Ask) -> Written:
        tools = [{"key": key, **_document(tool)} for key, tool in served_tools(job).items()]
        for tool in tools:
            del tool["tool_name"]  # a tool is judged by its document
        values = {"instruction": job.instruction, "parameters": json.loads(job.parameters), "tools": tools}
        served = await self._converse(ask, "serve", ServedReply, partial(check_served, job=job), **values)
        if served.rejected or all(parameters is not None for parameters in served.value.values()):
            return served
        unable = [name for name, parameters in served.value.items() if parameters is None]
        return Written(None, "a tool of the block cannot fulfil the instruction", ", ".join(unable))

    async def _converse(
        self, ask: Ask, task: str, schema: type[BaseModel], check: Callable[[Any], Any], **values: Any
    ) -> Written:
        """Ask until a reply can be used, at most `attempts` times."""
        usage, attempts = self._endpoint.usage, self._endpoint.settings.attempts
        messages = prompts.messages(task, **values)
        if cut := prompts.number_cut(values):
            usage.count(texts_cut=cut)
        for _ in range(attempts):
            try:
                reply = await ask(Request(messages, self._seed, schema))
            except RequestFailed as error:
                return Written(None, str(error))
            try:
                if reply.refusal:
                    raise InvalidReply(f"the model refused: {reply.refusal[:200]}")
                if reply.finish_reason == "length":
                    raise InvalidReply("it was cut off at the longest reply allowed; answer more briefly")
                return Written(check(read_reply(reply.content, schema)))
            except InvalidReply as error:
                usage.count(invalid=1)
                wrong = str(error)
            messages = [
                *messages,
                {"role": "assistant", "content": reply.content},
                {"role": "user", "content": f"This can't be used: {wrong}. Answer again, with the whole JSON alone."},
            ]
        return Written(None, f"invalid reply after {attempts} attempts ({task})", f"{wrong}\n{reply.content}")


def _document(tool: dict) -> dict:
    """A tool as a prompt shows it: its document, defaults and schemas decoded."""
    return {
        **{key: tool[key] for key in ("tool_name", "tool_description", "provider_description")},
        **_parameters(tool),
    }


def _understood(tool: dict) -> dict:
    """A tool as a history's prompt shows it: what was understood of it."""
    return {**{key: tool[key] for key in ("tool_name", "functionality", "attributes", "example")}, **_parameters(tool)}


def _parameters(tool: dict) -> dict:
    shown = {
        kind: [
            {
                **{key: parameter[key] for key in ("name", "type", "description")},
                "default": default_of(parameter),
                **shown_schema(parameter),
            }
            for parameter in tool[kind]
        ]
        for kind in PARAMETER_KINDS
    }
    return {**shown, **shown_schema(tool)}
