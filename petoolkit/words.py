"""Words of a text, also in scripts that have no blanks between them, and where its sentences end."""

import re

SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
CLAUSE_END = re.compile(r"(?<=[.!?;])\s+")  # parts of a sentence that could stand alone, too
# Chinese characters, kana, Thai, Lao, Burmese and Khmer letters: a word is about two of them.
_WITHOUT_BLANKS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
_CHARACTERS_A_WORD = 2
_CHARACTER = re.compile(f"[{_WITHOUT_BLANKS}]")
_WORD = re.compile(rf"[^\W\d_{_WITHOUT_BLANKS}]{{2,}}")


def number_of_words(text: str) -> int:
    """How many words of two or more letters a text has; where no blanks are written, two characters are one."""
    return len(_WORD.findall(text)) + len(_CHARACTER.findall(text)) // _CHARACTERS_A_WORD
