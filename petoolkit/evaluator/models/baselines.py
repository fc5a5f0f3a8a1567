"""Rules that choose a candidate tool without a language model, to compare models with."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from petoolbench import PARAMETER_KINDS, SETTINGS, InputError, ToolName, check_choice, setting_of, to_json_text
from petoolkit.evaluator.models.parameters import parameters_from_instruction

if TYPE_CHECKING:
    import numpy as np

TrainRows = Callable[[], list[dict]]

# Both values were chosen on the training split of the embedded catalogue's benchmark (recipes/build/quickstart.yaml),
# never on released data.
# Candidates whose similarity to the instruction is at most this far below the best one count as same-function tools.
_SIMILARITY_MARGIN = 0.2
# The oldest calls of a chronological history count as disliked: this share of them.
_DISLIKED_SHARE = 0.2
_ROWS_AT_ONCE = 1_000


@dataclass(frozen=True)
class Baseline:
    """A rule.

    Args:
        name: the name in `baseline:NAME`.
        description: the candidate that the rule calls, for `--help`.
        choose: takes rows, training rows and a random seed, and returns an index into `candidate_tools` for each row.
            It must not read the rows' gold calls and `same_function_tools`.
    """

    name: str
    description: str
    choose: Callable[[list[dict], TrainRows, int], list[int]]


def predict(name: str, rows: list[dict], train_rows: TrainRows, seed: int) -> list[str]:
    """Replies of a rule, one for each row, in the form that models are asked for.

    Args:
        name: one of `BASELINES`.
        rows: rows of the dataset.
        train_rows: returns the training rows, for rules that are fitted.
        seed: random seed.
    """
    check_choice(name, BASELINES, "baseline")
    choices = BASELINES[name].choose(rows, train_rows, seed)
    return [call_of(row, row["candidate_tools"][choice]) for row, choice in zip(rows, choices, strict=True)]


def call_of(row: dict, tool: dict) -> str:
    """The reply that calls `tool` with parameters found in the row's instruction."""
    parameters = parameters_from_instruction(tool, row["instruction"])
    return to_json_text({"tool_name": tool["tool_name"], "parameters": parameters})


def _random(rows: list[dict], train_rows: TrainRows, seed: int) -> list[int]:
    return [random.Random(f"{seed}:{row['id']}").randrange(len(row["candidate_tools"])) for row in rows]


def _lexical(rows: list[dict], train_rows: TrainRows, seed: int) -> list[int]:
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    documents, numbers = _distinct_documents(rows)
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)[^\W_]+").fit(documents)
    vectors = vectorizer.transform(documents)
    instructions = vectorizer.transform([row["instruction"] for row in rows])
    choices = []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = numbers[start : start + _ROWS_AT_ONCE]
        row_of_document = [start + row for row, documents_of_row in enumerate(part) for _ in documents_of_row]
        candidates = vectors[[number for documents_of_row in part for number in documents_of_row]]
        scores = iter(candidates.multiply(instructions[row_of_document]).sum(axis=1).A1)
        choices += [int(np.argmax(list(islice(scores, len(documents_of_row))))) for documents_of_row in part]
    return choices


def _embedding(rows: list[dict], train_rows: TrainRows, seed: int) -> list[int]:
    return [int(similarity.argmax()) for similarity in _similarities(rows)]


def _popularity(rows: list[dict], train_rows: TrainRows, seed: int) -> list[int]:
    called = Counter(row["tool_call"]["tool_name"] for row in train_rows())
    if not called:
        raise InputError(
            "baseline:popularity is fitted on the train split, and this dataset has none; choose another baseline."
        )
    counts = ([called[tool["tool_name"]] for tool in row["candidate_tools"]] for row in rows)
    return [count.index(max(count)) for count in counts]


def _preference_rule(rows: list[dict], train_rows: TrainRows, seed: int) -> list[int]:
    attributes = _ProviderAttributes(rows)
    choices = []
    for row, similarity in zip(rows, _similarities(rows), strict=True):
        liking = list(_liking(row))
        preference = {
            index: (
                _provider_liking(tool["tool_name"], liking),
                attributes.liking(tool["tool_name"], liking),
                float(similarity[index]),
            )
            for index, tool in enumerate(row["candidate_tools"])
            if similarity[index] >= similarity.max() - _SIMILARITY_MARGIN
        }
        choices.append(max(preference, key=preference.__getitem__))
    return choices


BASELINES: dict[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        Baseline("random", "any candidate", _random),
        Baseline("lexical", "the candidate nearest to the instruction by TF-IDF", _lexical),
        Baseline("embedding", "the candidate nearest to the instruction by sentence embedding", _embedding),
        Baseline("popularity", "the candidate called most often in the train split", _popularity),
        Baseline(
            "preference-rule",
            "of the candidates near by embedding, the one whose provider (then attributes) the history likes best",
            _preference_rule,
        ),
    )
}


def _liking(row: dict) -> Iterator[tuple[str, float]]:
    """Tool and liking of each past call, from -1.1 to 1.1: -1 to 1, and up to a tenth more for recent calls."""
    last = max(len(row["history"]) - 1, 1)
    for position, call in enumerate(row["history"]):
        recency = position / last
        if call["rating"] is not None:
            liked = 1.0 if call["rating"] else -1.0
        elif SETTINGS[setting_of(row)].dislikes == "first":
            above = recency - _DISLIKED_SHARE
            liked = above / (1 - _DISLIKED_SHARE if above > 0 else _DISLIKED_SHARE)
        else:
            liked = 1.0
        yield call["tool_name"], liked * (1 + 0.1 * recency)


def _provider_liking(tool_name: str, liking: list[tuple[str, float]]) -> float:
    provider = ToolName.parse(tool_name)[:2]
    return sum(liked for name, liked in liking if ToolName.parse(name)[:2] == provider)


class _ProviderAttributes:
    """Vectors of provider descriptions; they are known for candidates' providers, since histories do not hold them."""

    def __init__(self, rows: list[dict]):
        from petoolkit.embedding import Encoder

        described = {
            ToolName.parse(tool["tool_name"])[:2]: tool["provider_description"]
            for row in rows
            for tool in row["candidate_tools"]
            if tool["provider_description"]
        }
        vectors = Encoder().encode(list(described.values()), "provider descriptions")
        self._vectors = dict(zip(described, vectors, strict=True))

    def liking(self, tool_name: str, liking: list[tuple[str, float]]) -> float:
        """How much the history likes providers with similar descriptions; 0 if this tool's is not known."""
        own = self._vectors.get(ToolName.parse(tool_name)[:2])
        known = [(self._vectors.get(ToolName.parse(name)[:2]), liked) for name, liked in liking]
        return 0.0 if own is None else sum(float(own @ other) * liked for other, liked in known if other is not None)


def _similarities(rows: list[dict]) -> Iterator["np.ndarray"]:
    """For each row, (candidates,) cosine similarities of its instruction and its candidates' documents."""
    from petoolkit.embedding import Encoder

    encoder = Encoder()
    texts, texts_of_row = _distinct([row["instruction"]] for row in rows)
    instructions = encoder.encode(texts, "instructions")
    documents, documents_of_row = _distinct_documents(rows)
    vectors = encoder.encode(documents, "tool documents")
    for (instruction,), candidates in zip(texts_of_row, documents_of_row, strict=True):
        yield vectors[candidates] @ instructions[instruction]


def _distinct_documents(rows: list[dict]) -> tuple[list[str], list[list[int]]]:
    """The distinct documents of candidates; and for each row, the numbers of its candidates' documents."""
    return _distinct([_document(tool) for tool in row["candidate_tools"]] for row in rows)


def _distinct(texts_of_rows: Iterable[list[str]]) -> tuple[list[str], list[list[int]]]:
    numbers: dict[str, int] = {}
    found = [[numbers.setdefault(text, len(numbers)) for text in texts] for texts in texts_of_rows]
    return list(numbers), found


def _document(tool: dict) -> str:
    parameters = ", ".join(parameter["name"] for kind in PARAMETER_KINDS for parameter in tool[kind])
    return f"{ToolName.parse(tool['tool_name']).api}: {tool['tool_description']} ({parameters})"
