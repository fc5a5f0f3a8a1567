"""What stands before and behind a value in a request, and what its words are beside those of the default."""

from petoolkit.selector.request_words import (
    ARTICLES,
    COMMA,
    COMMON_WORDS,
    FUNCTION_WORDS,
    SENTENCE,
    WordMemory,
    request_words,
    words_within,
)
from petoolkit.selector.value_candidates import Candidate

_COLUMNS = 21


def surroundings(candidate: Candidate, request: str, memory: WordMemory, default: str) -> list[float]:
    """(21,): what ends beside a value, what is known of its words and of those beside it, and its words beside those
    of the default; zeros for a value that does not stand in the request."""
    words = request_words(request)
    first, last = words_within(request, candidate.start, candidate.end) if candidate.start >= 0 else (0, 0)
    own = words[first:last]
    if not own:
        return [0.0] * _COLUMNS
    before = words[first - 1].text if first else ""
    after = words[last].text if last < len(words) else ""
    worths = memory.worths([word.text for word in own])
    beside = memory.worths([before, after])
    capitals = sum(request[word.start].isupper() for word in own) / len(own)
    default_words = default.split()
    default_capitals = sum(word[0].isupper() for word in default_words) / len(default_words) if default_words else 0.5
    return [
        own[0].before == SENTENCE,
        own[0].before == COMMA,
        not own[0].before and before in ARTICLES,
        not own[0].before and before in FUNCTION_WORDS and before not in ARTICLES,
        own[-1].after == SENTENCE,
        own[-1].after == COMMA,
        not own[-1].after and after in FUNCTION_WORDS,
        not own[-1].after and after not in FUNCTION_WORDS,
        not own[0].before and before not in FUNCTION_WORDS,
        sum(worths) / len(worths),
        min(worths),
        worths[0],
        worths[-1],
        0.0 if own[0].before else beside[0],
        0.0 if own[-1].after else beside[1],
        abs(capitals - default_capitals),
        min(abs(len(own) - len(default_words)), 5) if default_words else 0,
        sum(word.text in FUNCTION_WORDS for word in own),
        own[0].before == SENTENCE and len(own) == 1,
        any(word.after for word in own[:-1]),
        float((own[0].text in COMMON_WORDS) + (own[-1].text in COMMON_WORDS)),
    ]


def is_whole(candidate: Candidate, request: str) -> bool:
    """Whether a value ends where marks or function words stand, on both sides."""
    words = request_words(request)
    first, last = words_within(request, candidate.start, candidate.end)
    begins = first == 0 or words[first].before > 0 or words[first - 1].text in COMMON_WORDS
    return begins and (last >= len(words) or words[last - 1].after > 0 or words[last].text in COMMON_WORDS)
