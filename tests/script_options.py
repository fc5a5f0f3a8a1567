"""Options of training scripts, as their parsers read them from a command line."""

from types import ModuleType

ON_CPU = {"use_cpu": "true", "activation_checkpointing": "false", "disable_tqdm": "true", "max_length": 2048}


def option_words(given: dict[str, object], *more: object) -> list[str]:
    """The words of a command line: `--NAME VALUE` for each option that is given, then some more words."""
    return [str(word) for name, value in given.items() for word in (f"--{name}", value)] + [str(word) for word in more]


def parsed(script: ModuleType, given: dict[str, object], *more: object) -> tuple:
    """What a script's parser makes of options and further words."""
    return script.make_parser().parse_args_and_config(option_words(given, *more))


def run_script(script: ModuleType, given: dict[str, object], *more: object) -> None:
    """Run a training script in this process with options and further words."""
    script.main(*parsed(script, given, *more))


def no_call(*args, **kwargs):
    """Stands where a function must not be called."""
    raise AssertionError("nothing may leave the machine")
