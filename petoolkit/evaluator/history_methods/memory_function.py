"""A memory of the user: `--history python:FILE_OR_MODULE:FUNCTION`.

FUNCTION makes an object for one user and setting, with three methods:

    observe(call)      a past call, the oldest first: {`instruction`, `tool_name`, `provider_description`,
                       `parameters` (JSON text), `rating` (1, 0 or None)}
    recall(request)    the text that is shown for a request, or a list of some of the calls that were observed
    forget()           nothing more is asked of this object
"""

import copy
import inspect
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from petoolbench import InputError
from petoolkit.evaluator.history_methods.memories import Memory
from petoolkit.evaluator.models.python_function import error_text, find_named

_METHODS = ("observe", "recall", "forget")


class MemoryFunction:
    """A function that makes memories.

    Args:
        name: `FILE_OR_MODULE:FUNCTION`.

    Raises:
        InputError: if there is no such function.
    """

    def __init__(self, name: str):
        self._name = name
        self._make, self.fingerprint = find_named(name, "my_memory.py:make")
        if not callable(self._make) or inspect.iscoroutinefunction(self._make):
            raise InputError(f"{name} is not a function that makes a memory; give a function or a class.")
        if not _takes_one(self._make):
            raise InputError(f"{name} cannot be called with the name of a user; let it take one argument.")

    def memories(self, rows: Iterable[dict], takes_text: bool = True) -> Iterator[Memory]:
        """What is recalled for each row.

        What the function raises is the error of its row.

        Args:
            rows: each with past calls.
            takes_text: whether a text can be shown, as it cannot to rules.

        Raises:
            InputError: if a text is recalled where calls are needed, or the object does not have the methods.
        """
        for row in rows:
            began = time.perf_counter()
            try:
                recalled, error = self._recalled(row), None
            except InputError:
                raise
            except (Exception, SystemExit) as raised:  # whatever the user's code raises
                recalled, error = None, error_text(raised)
            if isinstance(recalled, str) and not takes_text:
                raise InputError(
                    f"{self._name} recalled a text for {row['id']}, where past calls are read; return some of the "
                    "calls that were observed, or ask a model that reads messages."
                )
            numbers = None
            if error is None and not isinstance(recalled, str):
                numbers, error = _numbers_of(recalled, row["history"])
            yield Memory(
                key=row["id"],
                row=row["id"],
                calls_read=len(row["history"]),
                text=recalled if isinstance(recalled, str) else None,
                calls=numbers,
                error=f"the memory {self._name} failed for {row['id']}: {error}" if error else None,
                seconds=time.perf_counter() - began,
            )

    def _recalled(self, row: dict) -> Any:
        memory = self._make(row["id"])
        if missing := [name for name in _METHODS if not callable(getattr(memory, name, None))]:
            raise InputError(
                f"{self._name} made an object of the type {type(memory).__name__} without {', '.join(missing)}; it "
                f"needs the methods {', '.join(_METHODS)}."
            )
        try:
            for call in row["history"]:
                memory.observe(copy.deepcopy(call))
            return memory.recall(row["instruction"])
        finally:
            memory.forget()


def _takes_one(function: Callable[..., Any]) -> bool:
    """Whether a function can be called with one argument, as far as that can be known."""
    try:
        inspect.signature(function).bind("")
    except TypeError:
        return False
    except ValueError:  # a function of C may not say
        return True
    return True


def _numbers_of(recalled: Any, history: list[dict]) -> tuple[list[int] | None, str | None]:
    """The numbers of recalled calls in the order of time, or what is wrong with them; equal calls are one each."""
    if not isinstance(recalled, list | tuple):
        kind = "None" if recalled is None else f"a value of the type {type(recalled).__name__}"
        return None, f"recall returned {kind}; return a text, or a list of calls that were observed"
    left = dict(enumerate(history))
    for call in recalled:
        number = next((number for number, observed in left.items() if observed == call), None)
        if number is None:
            return (
                None,
                "recall returned a call that was not observed, or one twice; return them as they were",
            )
        del left[number]
    return sorted(set(range(len(history))) - left.keys()), None
