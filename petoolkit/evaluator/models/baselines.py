"""Models that are rules: what a benchmark's rows give away without any language model."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from petoolbench import InputError, ToolName, check_choice, setting_of, to_json_text
from petoolkit.embedding import Encoder
from petoolkit.evaluator.models.parameters import parameters_from_instruction

# Both chosen on the training split of the embedded catalogue's benchmark (recipes/build/quickstart.yaml), never on
# released data.
_ABLE_MARGIN = (
    0.2  # candidates whose similarity to the instruction is this near to the best one's count as able to do the job
)
_DISLIKED_PAST = (
    0.2  # of a chronological history: its oldest calls count as disliked, the later ones more and more as liked
)


def predict(name: str, rows: list[dict], train_rows: Callable[[], list[dict]], seed: int) -> list[str]:
    """Replies of a baseline, one a row, in the form that a model is asked for.

    Args:
        name: one of `BASELINES`.
        rows: rows of the dataset; their gold calls and `same_function_tools` are not read.
        train_rows: gives the training rows, to the baselines that are fitted.
        seed: for the baselines that draw.
    """
    check_choice(name, BASELINES, "baseline")
    choices = BASELINES[name](rows, train_rows, seed)
    return [call_of(row, row["candidate_tools"][choice]) for row, choice in zip(rows, choices, strict=True)]


def call_of(row: dict, tool: dict) -> str:
    """The reply that calls `tool` with parameters found in the row's instruction."""
    parameters = parameters_from_instruction(tool, row["instruction"])
    return to_json_text({"tool_name": tool["tool_name"], "parameters": parameters})


def _random(rows: list[dict], train_rows: Callable[[], list[dict]], seed: int) -> list[int]:
    return [random.Random(f"{seed}:{row['id']}").randrange(len(row["candidate_tools"])) for row in rows]


def _lexical(rows: list[dict], train_rows: Callable[[], list[dict]], seed: int) -> list[int]:
    documents = [_document(tool) for row in rows for tool in row["candidate_tools"]]
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)[^\W_]+").fit(dict.fromkeys(documents))
    instructions = vectorizer.transform([row["instruction"] for row in rows])
    scores = iter(vectorizer.transform(documents).multiply(instructions[_row_index(rows)]).sum(axis=1).A1)
    return [int(np.argmax(list(islice(scores, len(row["candidate_tools"]))))) for row in rows]


def _row_index(rows: list[dict]) -> list[int]:
    """For each candidate of all rows, its row's number."""
    return [index for index, row in enumerate(rows) for _ in row["candidate_tools"]]


def _embedding(rows: list[dict], train_rows: Callable[[], list[dict]], seed: int) -> list[int]:
    return [int(np.argmax(similarity)) for similarity in _similarities(rows)]


def _popularity(rows: list[dict], train_rows: Callable[[], list[dict]], seed: int) -> list[int]:
    called = Counter(row["tool_call"]["tool_name"] for row in train_rows())
    if not called:
        raise InputError(
            "baseline:popularity is fitted on the train split, and this dataset has none; choose another baseline."
        )
    counts = ([called[tool["tool_name"]] for tool in row["candidate_tools"]] for row in rows)
    return [count.index(max(count)) for count in counts]


def _preference_rule(rows: list[dict], train_rows: Callable[[], list[dict]], seed: int) -> list[int]:
    """Among the candidates that could do the job, by embedding: the one whose provider the history likes best, then
    whose attributes."""
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
            if similarity[index] >= similarity.max() - _ABLE_MARGIN
        }
        choices.append(max(preference, key=preference.__getitem__))
    return choices


BASELINES: dict[str, Callable[[list[dict], Callable[[], list[dict]], int], list[int]]] = {
    "random": _random,
    "lexical": _lexical,
    "embedding": _embedding,
    "popularity": _popularity,
    "preference-rule": _preference_rule,
}


def _liking(row: dict) -> Iterator[tuple[str, float]]:
    """Each past call's tool and how much it was liked, from -1 to 1; recent calls count a little more."""
    last = max(len(row["history"]) - 1, 1)
    for place, call in enumerate(row["history"]):
        recency = place / last
        if call["rating"] is not None:
            liked = 1.0 if call["rating"] else -1.0
        elif setting_of(row) == "chronological":
            liked = (recency - _DISLIKED_PAST) / (1 - _DISLIKED_PAST if recency > _DISLIKED_PAST else _DISLIKED_PAST)
        else:
            liked = 1.0
        yield call["tool_name"], liked * (1 + 0.1 * recency)


def _provider_liking(tool_name: str, liking: list[tuple[str, float]]) -> float:
    provider = ToolName.parse(tool_name)[:2]
    return sum(liked for name, liked in liking if ToolName.parse(name)[:2] == provider)


class _ProviderAttributes:
    """Provider descriptions as vectors, as far as they stand in the rows' candidates; histories hold none
    themselves."""

    def __init__(self, rows: list[dict]):
        described = {
            ToolName.parse(tool["tool_name"])[:2]: tool["provider_description"]
            for row in rows
            for tool in row["candidate_tools"]
            if tool["provider_description"]
        }
        vectors = Encoder().encode(list(described.values()), "provider descriptions")
        self._vectors = dict(zip(described, vectors, strict=True))

    def liking(self, tool_name: str, liking: list[tuple[str, float]]) -> float:
        """How much the history likes attributes like this tool's; 0 where they are not known."""
        own = self._vectors.get(ToolName.parse(tool_name)[:2])
        known = [(self._vectors.get(ToolName.parse(name)[:2]), liked) for name, liked in liking]
        return 0.0 if own is None else sum(float(own @ other) * liked for other, liked in known if other is not None)


def _similarities(rows: list[dict]) -> Iterator[np.ndarray]:
    """For each row, (candidates,) cosines between its instruction and each tool document."""
    encoder = Encoder()
    instructions = encoder.encode([row["instruction"] for row in rows], "instructions")
    documents = iter(
        encoder.encode([_document(tool) for row in rows for tool in row["candidate_tools"]], "tool documents")
    )
    for row, instruction in zip(rows, instructions, strict=True):
        yield np.stack(list(islice(documents, len(row["candidate_tools"])))) @ instruction


def _document(tool: dict) -> str:
    parameters = ", ".join(p["name"] for p in tool["required_parameters"] + tool["optional_parameters"])
    return f"{ToolName.parse(tool['tool_name']).api}: {tool['tool_description']} ({parameters})"
