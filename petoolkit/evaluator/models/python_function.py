"""Functions of the user that answer: found by `FILE_OR_MODULE:FUNCTION`, or given from Python, and what tells them
apart."""

import functools
import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from petoolbench import InputError
from petoolkit.hub_reading import first_sentence
from petoolkit.text import listing

ROW, MESSAGES = "row", "messages"  # names of a function's first parameter: what it answers
_HOW = f"name its first parameter `{ROW}` (it gets a row) or `{MESSAGES}` (it gets the prompt's messages)"
_NOT_THEIRS = (str(Path(__file__).parent), str(Path(importlib.__file__).parent), "<frozen")  # files of tracebacks
_modules: dict[str, ModuleType] = {}  # files that were run, by their content and path
_given: ContextVar[dict[str, Callable]] = ContextVar("given", default={})  # noqa: B039 (it is never changed)


@dataclass(frozen=True)
class AnsweringFunction:
    """A function that returns the reply to a row or to messages.

    Args:
        call: the function.
        reads: `ROW` or `MESSAGES`.
        fingerprint: hash of the source text that the function stands in (its file; of a function given from Python,
            its own lines), 16 hexadecimal digits; `None` if the source is not known. What the function imports,
            downloads or closes over is not part of it.
    """

    call: Callable[[Any], Any]
    reads: str
    fingerprint: str | None


@contextmanager
def offered(function: Callable) -> Iterator[str]:
    """Within the block, a function that was given from Python has a name for `find_function`: `MODULE:FUNCTION`."""
    one = _definition(function)
    name = f"{one.__module__}:{one.__qualname__}"
    token = _given.set({**_given.get(), name: function})
    try:
        yield name
    finally:
        _given.reset(token)


def find_function(name: str) -> AnsweringFunction:
    """The function of a name.

    Args:
        name: `FILE_OR_MODULE:FUNCTION`. A file ends in `.py`; modules are looked for beside the file, or in the
            current folder, after those that are installed. FUNCTION may be the name of any object that can be called,
            also of one inside another: `MODEL.answer`.

    Raises:
        InputError: if the file or module does not exist or cannot be imported, if it does not have the function, or if
            that does not say what it answers.
    """
    if name in _given.get():
        function = _given.get()[name]
        return AnsweringFunction(function, _what_it_reads(function, name), _hash_of_source(function))
    function, fingerprint = find_named(name, "my_model.py:answer")
    return AnsweringFunction(function, _what_it_reads(function, name.rpartition(":")[2]), fingerprint)


def find_named(name: str, example: str) -> tuple[Any, str | None]:
    """What stands under a name, and the hash of the source text of its file, 16 hexadecimal digits, if it is known.

    Args:
        name: `FILE_OR_MODULE:FUNCTION`, as for `find_function`.
        example: such a name, for the message.

    Raises:
        InputError: if the file or module does not exist or cannot be imported, or does not have the function.
    """
    source, _, attribute = name.rpartition(":")
    if not source or not attribute:
        raise InputError(
            f"python:{name} does not say which function; write python:FILE_OR_MODULE:FUNCTION, such as "
            f"python:{example}."
        )
    module, text = _run_file(Path(source)) if source.endswith(".py") else _import_module(source)
    return _attribute_of(module, attribute, source), _hash(text) if text is not None else None


def _run_file(path: Path) -> tuple[ModuleType, bytes]:
    """The module that a file makes, and the file's content; a file of the same content is not run twice."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({(error.strerror or str(error)).lower()}); check it.") from None
    key = f"{path.resolve()}\n{_hash(text)}"
    if key not in _modules:
        name = f"_petoolbench_model_{path.stem}"
        made = ModuleType(name)
        made.__file__ = str(path)
        sys.modules[name] = made  # dataclasses, for one, look their module up there
        _look_in(path.resolve().parent)
        with _import_errors(str(path)):
            exec(compile(text, str(path), "exec"), made.__dict__)
        _modules[key] = made
    return _modules[key], text


def _import_module(name: str) -> tuple[ModuleType, bytes | None]:
    _look_in(Path.cwd())
    if not all(part.isidentifier() for part in name.split(".")):
        raise InputError(f"{name!r} is neither a file that ends in .py nor the name of a module; check it.")
    with _import_errors(name):
        module = importlib.import_module(name)
    file = getattr(module, "__file__", None)
    is_source = isinstance(file, str) and file.endswith(".py") and Path(file).is_file()
    return module, Path(str(file)).read_bytes() if is_source else None


def _look_in(folder: Path) -> None:
    """Let modules in a folder be imported; installed ones go before them, so that no file there hides a package."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


@contextmanager
def _import_errors(source: str) -> Iterator[None]:
    """Say in one sentence what a file or module raises when it is imported."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{source} cannot be imported: {error_text(error)}; correct it, or check its name."
        ) from error


def error_text(error: BaseException) -> str:
    """An error as one sentence: its type, the beginning of its message, and the line that raised it."""
    try:
        said = first_sentence(error) if str(error).strip() else ""
    except Exception:  # of an error whose message cannot be made
        said = ""
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    frames = [one for one in traceback.extract_tb(error.__traceback__) if not one.filename.startswith(_NOT_THEIRS)]
    if isinstance(error, SyntaxError) or not frames:
        return text
    return f"{text} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"


def _attribute_of(module: ModuleType, attribute: str, source: str) -> Callable:
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            others = [name for name, one in vars(module).items() if inspect.isfunction(one) and name[0] != "_"]
            known = f"its functions are {listing(others)}" if others else "it has no function"
            raise InputError(f"{source} does not have {attribute}; {known}.")
        found = getattr(found, part)
    return found


def _what_it_reads(function: Any, name: str) -> str:
    """`ROW` or `MESSAGES`, by the name of the first parameter."""
    if not callable(function) or inspect.isclass(function):
        kind = "a class" if inspect.isclass(function) else f"of the type {type(function).__name__}"
        raise InputError(f"{name} is {kind}, not a function; give a function, or an object that can be called.")
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
        raise InputError(f"{name} is asynchronous; give a function that returns the reply itself.")
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        parameters = []
    first = parameters[0] if parameters else None
    if first is None or first.name not in (ROW, MESSAGES) or first.kind is first.KEYWORD_ONLY:
        has = f"its first parameter is `{first.name}`" if first else "it has no parameter"
        raise InputError(f"what {name} answers is not known, since {has}; {_HOW}.")
    may_lack = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    more = [one.name for one in parameters[1:] if one.default is one.empty and one.kind not in may_lack]
    if more:
        raise InputError(f"{name} is called with the {first.name} alone; give {listing(more)} a default.")
    return first.name


def _definition(function: Any) -> Any:
    """The function or class whose source tells a function apart: of an object that can be called, its class."""
    inner = function.func if isinstance(function, functools.partial) else function
    return inner if hasattr(inner, "__qualname__") else type(inner)


def _hash_of_source(function: Callable) -> str | None:
    try:
        return _hash(inspect.getsource(_definition(function)).encode())
    except Exception:  # of a prompt, of `exec`, or of a file that has changed
        return None


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]
