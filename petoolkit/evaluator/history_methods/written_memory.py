"""Texts that the model under test writes of a history: `--history profile` and `--history notes`.

They are written before requests and candidates are known: their prompts hold past calls alone.
"""

from collections.abc import Iterable, Iterator, Mapping

from petoolbench import SETTINGS, on_one_line, render_interaction, setting_of
from petoolkit.evaluator.history_methods.memories import Memory, history_keys, written_memory
from petoolkit.evaluator.history_methods.method_table import METHOD_KINDS, NOTES, PROFILE, HistoryMethod
from petoolkit.evaluator.history_methods.writing_tasks import WRITING_TASKS
from petoolkit.evaluator.models.model import Model, Prompt
from petoolkit.evaluator.prompts.window import Messages, without_oldest_calls

_WHAT = {name: METHOD_KINDS[name].shown_as for name in (PROFILE, NOTES)}


def written_memories(
    method: HistoryMethod, known: Mapping[str, Memory], model: Model, window: int, rows: list[dict]
) -> Iterator[Memory]:
    """The texts that a method needs for rows, which the model writes; raises what the model raises.

    Args:
        method: one whose kind `is_written`.
        known: by key; not asked for again.
        model: that writes.
        window: most tokens of a prompt.
        rows: each with past calls.
    """
    if method.name == PROFILE:
        return profiles(rows, known, model, window)
    return notes(rows, known, model)


def profiles(rows: Iterable[dict], known: Mapping[str, Memory], model: Model, window: int) -> Iterator[Memory]:
    """A description of each user, one for each history that is not known yet.

    Args:
        rows: each with past calls.
        known: by key; not asked for again.
        model: that writes.
        window: most tokens of a prompt; the oldest calls of a longer one are left out, and counted.
    """
    of_key: dict[str, tuple[dict, int]] = {}

    def prompts() -> Iterator[Prompt]:
        for row in rows:
            key = history_keys(row)[-1]
            if key not in known and key not in of_key:
                prompt = _profile_prompt(row, key, model, window)
                of_key[key] = row, prompt.dropped_interactions
                yield prompt

    for answer in model.answer_all(prompts()):
        row, dropped = of_key[answer.prompt.row_id]
        yield written_memory(row, answer.prompt.row_id, len(row["history"]), dropped, answer, _WHAT[PROFILE])


def _profile_prompt(row: dict, key: str, model: Model, window: int) -> Prompt:
    history = row["history"]

    def messages_without(dropped: int) -> Messages:
        calls = map(render_interaction, history[dropped:])
        return _messages(WRITING_TASKS[PROFILE], "\n".join([SETTINGS[setting_of(row)].introduction, *calls]))

    messages, dropped, over_window = without_oldest_calls(
        messages_without, len(history), lambda messages: model.count_tokens(messages) <= window
    )
    return Prompt(key, 0, messages, [], dropped, over_window=over_window)


def notes(rows: Iterable[dict], known: Mapping[str, Memory], model: Model) -> Iterator[Memory]:
    """Notes after each past call of each row; those that are known are not asked for again.

    The first calls of all rows are asked together, then the second ones ... . Where a request fails, the row's further
    calls are left out.

    Args:
        rows: each with past calls; all of them are in memory.
        known: by key.
        model: that writes.
    """
    texts = {key: memory.text for key, memory in known.items()}
    histories = {keys[-1]: (keys, row) for row in rows for keys in [history_keys(row)]}
    for step in range(max((len(keys) for keys, _ in histories.values()), default=0)):
        asked: dict[str, dict] = {}
        prompts = []
        for keys, row in histories.values():
            if step >= len(keys) or keys[step] in texts or keys[step] in asked:
                continue
            before = texts.get(keys[step - 1]) if step else ""
            if before is not None:
                asked[keys[step]] = row
                prompts.append(Prompt(keys[step], 0, _notes_messages(row, step, before), []))
        for answer in model.answer_all(prompts) if prompts else ():
            memory = written_memory(
                asked[answer.prompt.row_id], answer.prompt.row_id, step + 1, 0, answer, _WHAT[NOTES]
            )
            texts[memory.key] = memory.text
            yield memory


def _notes_messages(row: dict, step: int, before: str) -> Messages:
    history = [
        f"Your notes so far: {on_one_line(before) if before else 'none yet'}",
        f"The calls come like this. {SETTINGS[setting_of(row)].introduction}",
        f"Call {step + 1}: {render_interaction(row['history'][step])}",
    ]
    return _messages(WRITING_TASKS[NOTES], "\n".join(history))


def _messages(task: str, history: str) -> Messages:
    return [{"role": "system", "content": task}, {"role": "user", "content": history}]
