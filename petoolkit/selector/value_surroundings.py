"""What a value's words are, and what stands before and behind it in a request, whatever parameter is asked for."""

import numpy as np

from petoolkit.selector.request_reading import RequestReading, least, sums
from petoolkit.selector.request_words import COMMA, SENTENCE

_ENDINGS = ("s", "ing", "ed", "ly")
_FAR = 4  # words or sentences; what is further away counts as this far


def surroundings(reading: RequestReading, worths: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """(values, columns): what ends beside each value, what is known of its words and of those beside it, whether it is
    all of the run of words that it is in, and where it stands.

    Args:
        worths: (words,) how far each word speaks for being part of a value.
        first, last: (values,) the numbers of the first word of each, and of the one behind its last.
    """
    number, sentences = len(reading.words), len(reading.sentences)
    final, length = last - 1, last - first
    opens, closes = reading.before[first], reading.after[final]
    has_before, has_after = (opens == 0) & (first > 0), (closes == 0) & (last < number)
    before, behind = np.maximum(first - 1, 0), np.minimum(last, number - 1)
    is_function, is_common = reading.is_function, reading.is_common
    left, right = first - reading.chunk[first, 0], reading.chunk[final, 1] - last
    begins = ~has_before | is_common[before]
    ends = ~has_after | is_common[behind]
    sentence = reading.sentence[first]
    endings = np.array([[word.text.endswith(one) for one in _ENDINGS] for word in reading.words], dtype=bool)
    endings = endings.reshape(number, len(_ENDINGS))

    def of_words(each: np.ndarray) -> list[np.ndarray]:
        """What (words,) numbers are of a value's words, and of those beside it."""
        return [
            sums(each, first, last) / length,
            least(each, first, last),
            each[first],
            each[final],
            has_before * each[before],
            has_after * each[behind],
        ]

    columns = [
        opens == SENTENCE,
        opens == COMMA,
        has_before & reading.is_article[before],
        has_before & is_function[before] & ~reading.is_article[before],
        closes == SENTENCE,
        closes == COMMA,
        has_after & is_function[behind],
        has_after & ~is_function[behind],
        has_before & ~is_function[before],
        *of_words(worths),
        sums(is_function, first, last),
        (opens == SENTENCE) & (length == 1),
        sums(reading.after > 0, first, final) > 0,
        is_common[first].astype(float) + is_common[final],
        begins & ends,
        *of_words(reading.rarity),
        np.minimum(left, _FAR),
        np.minimum(right, _FAR),
        (left == 0) & (right == 0),
        sentence == 0,
        np.minimum(sentence, _FAR),
        sentence == sentences - 1,
        np.minimum(sentences - sentence, _FAR),
        first / number,
    ]
    return np.column_stack([*columns, endings[first], endings[final], endings[behind] & has_after[:, None]])
