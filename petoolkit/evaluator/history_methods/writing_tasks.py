"""What a model is asked when it writes of a user: `--history profile` and `--history notes`."""

from petoolkit.evaluator.history_methods.method_table import NOTES, PROFILE

_WORDS = 120
_PROFILE_TASK = f"""\
You get to know a user by the tool calls that were made for this user before. Somebody who has not seen these calls \
will have to choose among several tools that do the same job, on a request that you do not know, with your text \
alone. Describe in at most {_WORDS} words what this user likes in tools and their providers, and what this user \
dislikes, as far as the calls show it. Write the description alone, as plain text."""
_NOTES_TASK = f"""\
You keep notes on a user while tool calls are made for this user, one after the other. Somebody who has not seen \
these calls will have to choose among several tools that do the same job, on a request that you do not know, with \
your notes alone. Note what this user likes in tools and their providers, and what this user dislikes, as far as the \
calls show it. You get your notes so far and the next call. Write the notes anew, in at most {_WORDS} words, as plain \
text, with nothing else."""

WRITING_TASKS = {PROFILE: _PROFILE_TASK, NOTES: _NOTES_TASK}  # by method
