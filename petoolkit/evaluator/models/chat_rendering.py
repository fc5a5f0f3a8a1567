"""Messages rendered by a chat template, with a proof that the text of each message comes out."""

import datetime
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from petoolbench import InputError, to_json_text
from petoolkit.evaluator.models.native_tools import CALL_ID, call_message
from petoolkit.hub_reading import first_sentence
from petoolkit.reasoning import CLOSING_MARK, OPENING_MARK, REASONING_MARKS

Messages = list[dict[str, Any]]
Functions = Sequence[dict[str, Any]]  # in the form of OpenAI's endpoints, which chat templates take, too

_OPENED = re.compile(rf"({OPENING_MARK})\s*\Z")
_CLOSED = re.compile(rf"({CLOSING_MARK})\s*\Z")
_KNOWN_MARKS = re.compile(rf"{OPENING_MARK}|reasoning_content|<\|channel\|>")
_SWITCHES = ("enable_thinking", "thinking")
# Texts that do not occur in a chat template.
_SYSTEM, _USER, _ANSWER, _FUNCTION, _PARAMETER = "qz3f1s", "qz7d2u", "qz9b4a", "qz5c8f", "qz1p6n"
_SCHEMA = {"type": "object", "properties": {_PARAMETER: {"type": "string", "description": "A text."}}}
_FUNCTIONS = [{"type": "function", "function": {"name": _FUNCTION, "description": "A tool.", "parameters": _SCHEMA}}]
_USER_TURN: Messages = [{"role": "user", "content": _USER}]
_PROBE: Messages = [{"role": "system", "content": _SYSTEM}, *_USER_TURN]
_DATE = re.compile(r"""strftime_now\(\s*("[^"\n]*"|'[^'\n]*')\s*\)""")


class _Form(NamedTuple):
    """The form in which a template takes messages.

    Args:
        folds_system: whether the system message becomes the start of the user's.
        has_parts: whether contents are lists of parts.
    """

    folds_system: bool
    has_parts: bool


class ChatRenderer:
    """Renders prompts and answers with one chat template.

    Templates differ in what they take: some refuse system messages or leave them out without a word, and some take the
    content of a message only as a list of parts. The first form in which a marker in each message comes out is taken.

    Args:
        tokenizer: of transformers; its special tokens are known to the template.
        template: the text of the template.
        source: where the template comes from, for messages, such as a model's name.
        arguments: more variables of the template, such as `enable_thinking`.
        date: the date that templates may write; by default, today's.
        native_tools: whether prompts come with functions, and answers are calls of them.

    Raises:
        InputError: if the template is broken, or the user's message or a function does not come out.
    """

    def __init__(
        self,
        tokenizer: Any,
        template: str,
        source: str,
        arguments: Mapping[str, Any] | None = None,
        date: datetime.date | None = None,
        native_tools: bool = False,
    ):
        self._tokenizer, self._source, self._arguments = tokenizer, source, dict(arguments or {})
        self.fingerprint = hashlib.sha256(template.encode("utf-8", "replace")).hexdigest()[:16]
        self.date = (date or datetime.date.today()) if "strftime_now" in template else None
        # A callable cannot be given to a template, so the date stands in it as text.
        self._template = _DATE.sub(lambda match: json.dumps(self._formatted(match[1][1:-1])), template)
        self._probe_functions: Functions = _FUNCTIONS if native_tools else ()
        self._form_found = self._form()
        prompt = self.render(_PROBE, self._probe_functions)
        opened = _OPENED.search(prompt.rpartition(_USER)[2])
        self.opened_reasoning: str = opened[1] if opened else ""
        self._before_answer, self.after_answer = self._around_answer()

    @property
    def note(self) -> str | None:
        """A sentence about a system message that becomes part of the user's message; `None` if it does not."""
        if not self._form_found.folds_system:
            return None
        return (
            f"The chat template of {self._source} does not show system messages, so the system message stands at the "
            "start of the user's message."
        )

    @cached_property
    def shows_reasoning(self) -> bool | None:
        """Whether the template lets the model reason before it answers, with these arguments; `None` if unknown.

        A template with a switch (`enable_thinking`, `thinking`) is rendered with both of its values. Without a switch,
        a template that knows a mark of reasoning is one of a model that reasons.
        """
        if self.opened_reasoning:
            return True
        as_given = self.render(_PROBE)
        for switch in _SWITCHES:
            switched = (self._arguments | {switch: value} for value in (True, False))
            try:
                on, off = (self._apply(_PROBE, self._form_found, True, arguments=one) for one in switched)
            except Exception:  # the template does not take it
                continue
            if on != off:
                return as_given != off
        if _CLOSED.search(as_given.rpartition(_USER)[2]):
            return False
        return True if _KNOWN_MARKS.search(self._template) else None

    def render(self, messages: Messages, functions: Functions = ()) -> str:
        """The text of a prompt, up to the start of the reply.

        Args:
            messages: of the prompt.
            functions: native functions that are sent with it.

        Raises:
            InputError: if the template cannot render these messages.
        """
        try:
            return self._apply(messages, self._form_found, True, functions)
        except Exception as error:
            raise self._broken(error) from None

    def answer_text(self, answer: str) -> str:
        """What stands between a prompt and the end of the turn when the assistant has given this answer.

        If the prompt opens the reasoning, it is closed before the answer; if the template writes a channel or an empty
        reasoning before answers, they stand here, too. An answer that holds its own reasoning gets neither.
        """
        stripped = answer.lstrip()
        if self.opened_reasoning and stripped.startswith(self.opened_reasoning):
            return stripped.removeprefix(self.opened_reasoning)
        has_reasoning = any(mark in answer for pair in REASONING_MARKS.items() for mark in pair)
        return answer if has_reasoning else self._before_answer + answer

    def call_text(self, message: dict[str, Any], functions: Functions) -> str:
        """What stands between a prompt and the next turn when the assistant has called a function.

        Args:
            message: the assistant's, with the call (`petoolkit.evaluator.models.native_tools`).
            functions: those of the prompt.

        Raises:
            InputError: if the template does not write calls.
        """
        prompt = self.render(_USER_TURN, functions)
        try:
            turn = self._turns_with(message, functions)
        except Exception as error:
            raise self._broken(error, "a tool call") from None
        called = message["tool_calls"][0]["function"]["name"]
        pairs = enumerate(zip(prompt, turn, strict=False))
        shared = next((number for number, (one, other) in pairs if one != other), min(len(prompt), len(turn)))
        if prompt[shared:].strip() or called not in turn[shared:]:
            raise InputError(
                f"the chat template of {self._source} shows tools, but writes no call of one behind its prompt, so "
                "native calls cannot be trained with it; train with format text, or give another template with "
                "--chat_template FILE."
            )
        return turn[shared:]

    def after_call(self, followed: bool) -> str:
        """What the template writes behind the arguments of a call; empty where it does not write calls.

        Args:
            followed: whether the call's result follows, up to which the text goes.
        """
        call = call_message({"name": _FUNCTION, "arguments": {_PARAMETER: _ANSWER}})
        result = {"role": "tool", "name": _FUNCTION, "tool_call_id": CALL_ID, "content": _USER}
        try:
            text = self._turns_with(call, _FUNCTIONS, *([result] if followed else []))
        except Exception:
            return ""
        after = text.rpartition(_ANSWER)[2]
        return after.partition(_USER)[0] if followed else after

    def _turns_with(self, call: dict[str, Any], functions: Functions, *behind: dict[str, Any]) -> str:
        """A user's turn and a call; the arguments are JSON text where the template does not take an object."""
        try:
            return self._apply([*_USER_TURN, call, *behind], self._form_found, False, functions)
        except Exception:
            function = call["tool_calls"][0]["function"]
            as_text = call_message({**function, "arguments": to_json_text(function["arguments"])})
            return self._apply([*_USER_TURN, as_text, *behind], self._form_found, False, functions)

    def _form(self) -> "_Form":
        """The first form of the messages in which each comes out, and the functions with them."""
        errors, without_functions = [], False
        for form in (_Form(False, False), _Form(False, True), _Form(True, False), _Form(True, True)):
            try:
                text = self._apply(_PROBE, form, True, self._probe_functions)
            except Exception as error:  # templates run code, which can raise anything
                errors.append(error)
            else:
                if 0 <= text.find(_SYSTEM) < text.find(_USER):
                    if not self._probe_functions or _FUNCTION in text:
                        return form
                    without_functions = True
        if without_functions:
            raise InputError(
                f"the chat template of {self._source} shows no tools: it renders a prompt with a tool as one without; "
                "ask for calls in text instead (leave out --protocol tools, or format tools in training), or give a "
                "template that takes tools with --chat-template FILE."
            )
        if len(errors) == 4:
            raise self._broken(errors[2])  # with one message of text, the form that most templates take
        raise InputError(
            f"the chat template of {self._source} does not show the user's message, so the model would not see its "
            "task; give another template with --chat-template FILE."
        )

    def _around_answer(self) -> tuple[str, str]:
        """What the template writes before and after an answer; the former beyond what the prompt ends with."""
        prompt = self.render(_USER_TURN)
        turn = [*_USER_TURN, {"role": "assistant", "content": _ANSWER}]
        closing = f"\n{REASONING_MARKS[self.opened_reasoning]}\n\n" if self.opened_reasoning else ""
        if self.opened_reasoning and prompt.endswith("\n"):
            closing = closing[1:]
        try:
            text = self._apply(turn, self._form_found, False)
            longer = self._apply([*turn, *_USER_TURN], self._form_found, False)
        except Exception:  # it renders prompts only, or raises anything for answers
            return closing, ""
        before, _, after = text.rpartition(_ANSWER)
        if not after.strip():  # the next turn's mark ends this one
            after = longer.rpartition(_ANSWER)[2].partition(_USER)[0]
        opened = before.removeprefix(prompt) if before.startswith(prompt) else None
        if opened is None or (self.opened_reasoning and REASONING_MARKS[self.opened_reasoning] not in opened):
            return closing, after
        return opened, after

    def _apply(
        self,
        messages: Messages,
        form: "_Form",
        is_prompt: bool,
        functions: Functions = (),
        arguments: Mapping[str, Any] | None = None,
    ) -> str:
        given: Messages = [dict(message) for message in messages]
        if form.folds_system and given[0]["role"] == "system" and len(given) > 1:
            content = "\n\n".join(message["content"] for message in given[:2])
            given = [{**given[1], "content": content}, *given[2:]]
        elif form.folds_system and given[0]["role"] == "system":
            given[0]["role"] = "user"
        if form.has_parts:
            given = [{**one, "content": [{"type": "text", "text": one["content"]}]} for one in given]
        return self._tokenizer.apply_chat_template(
            given,
            tools=list(functions) or None,
            chat_template=self._template,
            tokenize=False,
            add_generation_prompt=is_prompt,
            **(self._arguments if arguments is None else arguments),
        )

    def _formatted(self, form: str) -> str:
        assert self.date is not None
        return self.date.strftime(form)

    def _broken(self, error: Exception, what: str = "a prompt") -> InputError:
        return InputError(
            f"the chat template of {self._source} cannot render {what} ({type(error).__name__}: "
            f"{first_sentence(error)}); mend it, or give another with --chat-template FILE."
        )


def chosen_template(own: object, source: str, native_tools: bool = False) -> str:
    """The template among a tokenizer's own: a text, or the one called "default" of several.

    Args:
        own: what the tokenizer has.
        source: the model's name, for messages.
        native_tools: whether prompts come with functions; then one called "tool_use" is taken if there is one.

    Raises:
        InputError: if there is none, or none of several is called "default".
    """
    if isinstance(own, dict):
        if native_tools and "tool_use" in own:
            own = own["tool_use"]
        elif len(own) == 1:
            own = next(iter(own.values()))
        elif own and "default" not in own:
            raise InputError(
                f"{source} has {len(own)} chat templates ({', '.join(map(str, own))}), and none is called default; "
                "write the one to use into a file and give --chat-template FILE."
            )
        else:
            own = own.get("default")
    if not own:
        raise InputError(
            f"{source} has no chat template, which marks the turns of a prompt; give the one that it was trained with "
            "by --chat-template FILE, or take its instruction-tuned version if this is a base model."
        )
    if not isinstance(own, str):
        raise InputError(f"the chat template of {source} is not text; give one with --chat-template FILE.")
    return own
