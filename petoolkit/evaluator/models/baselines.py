"""Rules that choose a candidate tool without a language model, to compare models with."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from petoolbench import PARAMETER_KINDS, InputError, ToolName, check_choice, provider_of, to_json_text
from petoolkit.block_rules import liked_calls, trait_counts
from petoolkit.call_forms import ToolCall
from petoolkit.selector.filled_calls import filled_parameters

if TYPE_CHECKING:
    import numpy as np

Rows = Iterable[dict]  # which can be gone through several times
TrainRows = Callable[[], Rows]

# Candidates whose similarity to the instruction is at most this far below the best one count as same-function tools:
# chosen on the training split of the embedded catalogue's benchmark (recipes/build/quickstart.yaml), never on released
# data.
_SIMILARITY_MARGIN = 0.125
_ROWS_AT_ONCE = 1_000
# Dimensions of a report that a rule cannot depend on.
_POSITION = ("gold_position",)
_BLIND = ("history_length", *_POSITION)


@dataclass(frozen=True)
class Baseline:
    """A rule.

    Args:
        name: the name in `baseline:NAME`.
        description: the candidate that the rule calls, for `--help`.
        choose: takes rows, training rows and a random seed, and returns an index into `candidate_tools` for each row.
            It must not read the rows' gold calls and `same_function_tools`. A choice depends on its own row (and the
            training rows) only, so that a prompted model could have made it.
        cannot_depend_on: dimensions of a report, such as `gold_position`, that the rule cannot depend on; a difference
            that a test finds there is one between the rows.
        is_oracle: whether it reads what decided: a bound to compare with, never the best rule.
    """

    name: str
    description: str
    choose: Callable[[Rows, TrainRows, int], list[int]]
    cannot_depend_on: tuple[str, ...] = ()
    is_oracle: bool = False


def predict(name: str, rows: Rows, train_rows: TrainRows, seed: int) -> Iterator[str]:
    """Replies of a rule, one for each row, in the form that models are asked for; it chooses before the first one.

    Args:
        name: one of `BASELINES`.
        rows: rows of the dataset.
        train_rows: returns the training rows, for rules that are fitted.
        seed: random seed.
    """
    return (reply for _, reply in answered(name, rows, train_rows, seed))


def answered(name: str, rows: Rows, train_rows: TrainRows, seed: int) -> Iterator[tuple[dict, str]]:
    """Each row with the reply of a rule to it; see `predict`."""
    check_choice(name, BASELINES, "baseline")
    choices = BASELINES[name].choose(rows, train_rows, seed)
    return (
        (row, _reply(call_of(row, row["candidate_tools"][choice]))) for row, choice in zip(rows, choices, strict=True)
    )


def call_of(row: dict, tool: dict) -> ToolCall:
    """The call of `tool` with parameters found in the row's instruction."""
    return ToolCall(tool["tool_name"], filled_parameters(to_json_text(tool), row["instruction"]))


def _reply(call: ToolCall) -> str:
    return to_json_text({"tool_name": call.tool_name, "parameters": call.parameters})


def _random(rows: Rows, train_rows: TrainRows, seed: int) -> list[int]:
    return [random.Random(f"{seed}:{row['id']}").randrange(len(row["candidate_tools"])) for row in rows]


def _lexical(rows: Rows, train_rows: TrainRows, seed: int) -> list[int]:
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    documents = _DistinctTexts()
    numbers = [_documents_of(row, documents) for row in rows]
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)[^\W_]+").fit(documents)
    vectors = vectorizer.transform(documents)
    instructions = vectorizer.transform([row["instruction"] for row in rows])
    choices = []
    for start in range(0, len(numbers), _ROWS_AT_ONCE):
        part = numbers[start : start + _ROWS_AT_ONCE]
        row_of_document = [start + row for row, documents_of_row in enumerate(part) for _ in documents_of_row]
        candidates = vectors[[number for documents_of_row in part for number in documents_of_row]]
        scores = iter(candidates.multiply(instructions[row_of_document]).sum(axis=1).A1)
        choices += [int(np.argmax(list(islice(scores, len(documents_of_row))))) for documents_of_row in part]
    return choices


def _embedding(rows: Rows, train_rows: TrainRows, seed: int) -> list[int]:
    return [int(similarity.argmax()) for similarity in _similarities(rows)]


def _popularity(rows: Rows, train_rows: TrainRows, seed: int) -> list[int]:
    called = Counter(row["tool_call"]["tool_name"] for row in train_rows())
    if not called:
        raise InputError(
            "baseline:popularity is fitted on the train split, and this dataset has none; choose another baseline."
        )
    counts = ([called[tool["tool_name"]] for tool in row["candidate_tools"]] for row in rows)
    return [count.index(max(count)) for count in counts]


def _preference_rule(rows: Rows, train_rows: TrainRows, seed: int) -> list[int]:
    def preference(row: dict) -> list[tuple[float, ...]]:
        of_tool: dict[str, float] = defaultdict(float)
        of_provider: dict[tuple[str, ...], float] = defaultdict(float)
        for call, liked in zip(row["history"], _liking(row), strict=True):
            of_tool[call["tool_name"]] += liked
            of_provider[provider_of(call)] += liked
        return [
            (of_tool[tool["tool_name"]], of_provider[provider_of(tool)], words)
            for tool, words in zip(row["candidate_tools"], _word_liking(row), strict=True)
        ]

    return _preferred(rows, preference)


def _attribute_words(rows: Rows, train_rows: TrainRows, seed: int) -> list[int]:
    return _preferred(rows, lambda row: [(value,) for value in _word_liking(row)])


def _attribute_embedding(rows: Rows, train_rows: TrainRows, seed: int) -> list[int]:
    from petoolkit.attribute_reading import SentenceReader

    reader = SentenceReader(text for row in rows for texts in _descriptions(row) for text in texts)
    return _preferred(
        rows, lambda row: [(value,) for value in reader.similarities(*_descriptions(row)) @ _liking(row)]
    )


def _trait_oracle(rows: Rows, train_rows: TrainRows, seed: int) -> list[int]:
    if without := next((row["id"] for row in rows if not row["taste"]), None):
        raise InputError(
            f"baseline:trait-oracle reads what decided, and {without} does not say it (its `taste` is empty); choose "
            "another baseline."
        )
    choices = []
    for row in rows:
        counts = trait_counts(row)
        names = [tool["tool_name"] for tool in row["candidate_tools"]]
        choices.append(names.index(max(counts, key=counts.__getitem__)))
    return choices


BASELINES: dict[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        Baseline("random", "any candidate", _random, ("history_length", "category", "gold_position")),
        Baseline("lexical", "the candidate nearest to the instruction by TF-IDF", _lexical, _BLIND),
        Baseline("embedding", "the candidate nearest to the instruction by sentence embedding", _embedding, _BLIND),
        Baseline("popularity", "the candidate called most often in the train split", _popularity, _BLIND[:1]),
        Baseline(
            "preference-rule",
            "of the candidates near by embedding, the one liked best: tool, then provider, then attribute words",
            _preference_rule,
            _POSITION,
        ),
        Baseline(
            "attribute-words",
            "of the candidates near by embedding, the one described most in words of what the history likes",
            _attribute_words,
            _POSITION,
        ),
        Baseline(
            "attribute-embedding",
            "of the candidates near by embedding, the one with the sentences nearest to what the history likes",
            _attribute_embedding,
            _POSITION,
        ),
        Baseline(
            "trait-oracle",
            "an oracle, not a rule: it is told which tools do the job, and their traits and those of the past calls",
            _trait_oracle,
            _POSITION,
            is_oracle=True,
        ),
    )
}


def _preferred(rows: Rows, preference: Callable[[dict], list[tuple[float, ...]]]) -> list[int]:
    """Of the candidates that are near to the instruction, the one with the highest preference, then similarity.

    Args:
        rows: of the dataset.
        preference: takes a row, and gives what decides about each candidate, the most important first.
    """
    choices = []
    for row, similarity in zip(rows, _similarities(rows), strict=True):
        preferences = preference(row)
        near = [index for index, value in enumerate(similarity) if value >= similarity.max() - _SIMILARITY_MARGIN]
        choices.append(max(near, key=lambda index: (*preferences[index], float(similarity[index]))))
    return choices


def _liking(row: dict) -> list[float]:
    """1 for each past call that the user liked, -1 for each other one."""
    return [1.0 if liked else -1.0 for liked in liked_calls(row)]


def _descriptions(row: dict) -> tuple[list[str], list[str]]:
    """What the providers of the candidates and of the past calls are like."""
    own, called = ([one["provider_description"] for one in row[of]] for of in ("candidate_tools", "history"))
    return own, called


def _word_liking(row: dict) -> "np.ndarray":
    """(candidates,) likeness by words to the providers of liked calls, less that to those of disliked ones."""
    from petoolkit.attribute_reading import word_similarities

    return word_similarities(*_descriptions(row)) @ _liking(row)


def _similarities(rows: Rows) -> Iterator["np.ndarray"]:
    """For each row, (candidates,) cosine similarities of its instruction and its candidates' documents."""
    from petoolkit.embedding import Encoder

    encoder = Encoder()
    texts, documents = _DistinctTexts(), _DistinctTexts()
    of_rows = [(texts.number(row["instruction"]), _documents_of(row, documents)) for row in rows]
    instructions = encoder.encode(list(texts), "instructions")
    vectors = encoder.encode(list(documents), "tool documents")
    for instruction, candidates in of_rows:
        yield vectors[candidates] @ instructions[instruction]


class _DistinctTexts(dict[str, int]):
    """Texts with their numbers, in order of first appearance."""

    def number(self, text: str) -> int:
        """The number of a text, a new one if it is not there."""
        return self.setdefault(text, len(self))


def _documents_of(row: dict, documents: _DistinctTexts) -> list[int]:
    """The numbers of the documents of a row's candidates."""
    return [documents.number(_document(tool)) for tool in row["candidate_tools"]]


def _document(tool: dict) -> str:
    parameters = ", ".join(parameter["name"] for kind in PARAMETER_KINDS for parameter in tool[kind])
    return f"{ToolName.parse(tool['tool_name']).api}: {tool['tool_description']} ({parameters})"
