"""The `openai` author: a language model writes (paper, section 3.2, appendix C); its replies are held to the rules."""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from . import author_prompts as prompts
from pydantic import BaseModel

from petoolkit.endpoint.ask import Endpoint
from petoolkit.endpoint.llm_settings import LlmSettings
from petoolkit.endpoint.request import Ask, OnReply, Request, RequestFailed
from petoolkit.endpoint.usage import Usage

from .author import HistoryJob, InstructJob, UnderstandJob, Written
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


class OpenAIAuthor:
    """Asks a model behind an OpenAI-compatible endpoint; an invalid reply goes back with what is wrong with it.

    Args:
        settings: of the model and its endpoint; `attempts` is how often a record is asked for before it is rejected.
        seed: sent along with each request.
        usage: counts calls, tokens and invalid replies.
        on_reply: gets each request and its reply, to be shown.
    """

    def __init__(
        self, settings: LlmSettings, seed: int, usage: Usage, on_reply: OnReply = lambda request, reply: None
    ):
        self._attempts = settings.attempts
        self._seed = seed
        self._endpoint = Endpoint(settings, usage, on_reply)
        self._usage = usage

    def understand_all(self, jobs: Iterable[UnderstandJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`."""
        return self._endpoint.answer_all(jobs, self._understand)

    def write_histories(self, jobs: Iterable[HistoryJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`."""
        return self._endpoint.answer_all(jobs, self._write_history)

    def instruct_all(self, jobs: Iterable[InstructJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`."""
        return self._endpoint.answer_all(jobs, self._instruct)

    async def _understand(self, job: UnderstandJob, ask: Ask) -> Written:
        document = _document(job.tool)

        def check_example(reply: CallReply) -> dict:
            return {"instruction": reply.instruction.strip(), "parameters": check_call(reply, job.tool)}

        example = await self._converse(ask, "example", CallReply, check_example, tool=document)
        if example.rejected:
            return example
        said = await self._converse(
            ask, "attributes", AttributesReply, check_attributes, tool=document, example=example.value
        )
        return said if said.rejected else Written({"example": example.value, **said.value})

    async def _write_history(self, job: HistoryJob, ask: Ask) -> Written:
        schema = RatedHistoryReply if job.setting == "rating_integrated" else HistoryReply
        called = {tool["tool_name"]: _understood(tool) for tool, _ in job.calls}
        values = {"preferred": [tool for name, tool in called.items() if name not in job.not_preferred]}
        if job.setting != "preferred_only":
            values["not_preferred"] = [tool for name, tool in called.items() if name in job.not_preferred]
        check = partial(check_history, job=job)
        return await self._converse(ask, f"history_{job.setting}", schema, check, **values)

    async def _instruct(self, job: InstructJob, ask: Ask) -> Written:
        check = partial(check_instruction, job=job)
        history = [{**call, "parameters": json.loads(call["parameters"])} for call in job.history]
        values = {"tool": _document(job.tool), "functionality": job.functionality, "history": history}
        return await self._converse(ask, "instruction", CallReply, check, **values)

    async def _converse(
        self, ask: Ask, task: str, schema: type[BaseModel], check: Callable[[Any], Any], **values: Any
    ) -> Written:
        """Ask until a reply stands, at most `attempts` times."""
        messages = prompts.messages(task, **values)
        if cut := prompts.number_cut(values):
            self._usage.count(texts_cut=cut)
        for _ in range(self._attempts):
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
                self._usage.count(invalid=1)
                wrong = str(error)
            messages = [
                *messages,
                {"role": "assistant", "content": reply.content},
                {"role": "user", "content": f"This can't be used: {wrong}. Answer again, with the whole JSON alone."},
            ]
        return Written(None, f"invalid reply after {self._attempts} attempts ({task})", f"{wrong}\n{reply.content}")


def _document(tool: dict) -> dict:
    """A tool as a prompt shows it: its document, defaults decoded."""
    return {
        **{key: tool[key] for key in ("tool_name", "tool_description", "provider_description")},
        **_parameters(tool),
    }


def _understood(tool: dict) -> dict:
    """A tool as a history's prompt shows it: what was understood of it."""
    return {**{key: tool[key] for key in ("tool_name", "functionality", "attributes", "example")}, **_parameters(tool)}


def _parameters(tool: dict) -> dict:
    return {
        kind: [
            {
                **{key: parameter[key] for key in ("name", "type", "description")},
                "default": None if parameter["default"] is None else json.loads(parameter["default"]),
            }
            for parameter in tool[kind]
        ]
        for kind in ("required_parameters", "optional_parameters")
    }
