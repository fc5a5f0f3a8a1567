"""What every training script needs: a parser that knows the shipped recipes, messages, and errors in one sentence."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from accelerate import PartialState
from safetensors import SafetensorError
from trl import TrlParser

from petoolbench import InputError
from petoolkit.files import DISK_ERRORS
from petoolkit.shipped import recipe_path, recipes

# Of errors of torch and safetensors where they cannot write a file to its end.
_FULL_DISK = ("inline_container", "PytorchStreamWriter", "No space left", "os error 28")


class RecipeParser(TrlParser):
    """TRL's parser, whose `--config` takes a file's path or the bare name of a shipped recipe.

    Args:
        kind: the folder in `recipes/` that holds the script's recipes: `sft`, `pairs`, `dpo` or `grpo`.
        dataclass_types: the dataclasses whose fields are the script's options.
    """

    def __init__(self, kind: str, dataclass_types: Iterable[Any]):
        self._kind = kind
        names = ", ".join(path.stem for path in recipes(kind))
        super().__init__(
            dataclass_types,
            epilog="--config RECIPE reads options from a YAML file, given by its path or by one of the names "
            f"{names}. Options on the command line override those of the recipe.",
        )

    def parse_args_and_config(self, args: Iterable[str] | None = None, *more: Any, **options: Any) -> tuple[Any, ...]:
        """The options as instances of the dataclasses.

        Args:
            args: the words of the command line; by default, this process's.
            more, options: further arguments of TRL's method.

        Raises:
            InputError: if there is no such recipe.
            ValueError: for a key of the recipe that is not an option.
        """
        words = list(sys.argv[1:] if args is None else args)
        if "--config" in words[:-1]:
            value = words.index("--config") + 1
            words[value] = str(recipe_path(self._kind, words[value]))
        return super().parse_args_and_config(words, *more, **options)


def run_script(
    parser: TrlParser, main: Callable[..., None], without_options: Callable[[], list[str]] = lambda: []
) -> None:
    """Parse the command line and run a script's `main`. A user's mistake ends the process with one sentence.

    Args:
        parser: makes the arguments of `main`.
        main: the script.
        without_options: called if the command line is empty; returns the words to parse instead.
    """
    try:
        options = parser.parse_args_and_config(sys.argv[1:] or without_options())
    except (ValueError, OSError) as error:  # such as an unknown key of a recipe
        raise _ended(error) from None
    try:
        main(*options)
    except InputError as error:
        raise _ended(error) from None
    except (OSError, RuntimeError, SafetensorError) as error:
        if not (reason := _disk_error(error)):
            raise
        raise _ended(
            f"{reason}; free some space or give another output_dir. From a checkpoint, --resume_from_checkpoint true "
            "goes on."
        ) from None


def _ended(problem: object) -> SystemExit:
    sys.stderr.write(f"Error: {problem}\n")
    return SystemExit(2)


def _disk_error(error: BaseException) -> str | None:
    """What could not be written, as a clause; `None` for other errors. The libraries do not all raise an `OSError`."""
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        return f"{error.filename or 'a file'} cannot be written ({(error.strerror or '').lower()})"
    if not isinstance(error, OSError) and any(sign in str(error) for sign in _FULL_DISK):
        return "a checkpoint cannot be written: the disk is full"
    return None


def say(text: str) -> None:
    """Print a line, in the main process only."""
    PartialState().print(text, flush=True)
