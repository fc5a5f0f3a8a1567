"""Other people's text as LaTeX that shows it, for pdfTeX with its standard fonts."""

import re
import unicodedata

_SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\texttt{\symbol{34}}",
    "[": "{[}",  # after the end of a row, an option
    "]": "{]}",
    "*": "{*}",
    "`": r"\textasciigrave{}",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{MINUS SIGN}": r"\ensuremath{-}",
    "\N{NO-BREAK SPACE}": "~",
    "\N{HORIZONTAL ELLIPSIS}": r"\dots{}",
    "\N{MULTIPLICATION SIGN}": r"\ensuremath{\times}",
    "\N{LEFT DOUBLE QUOTATION MARK}": "``{}",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "''{}",
    "\N{LEFT SINGLE QUOTATION MARK}": "`{}",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'{}",
    "\N{DEGREE SIGN}": r"\ensuremath{^\circ}",
    "\N{MICRO SIGN}": r"\ensuremath{\mu}",
    "\N{LATIN SMALL LETTER SHARP S}": r"\ss{}",
    "\N{LATIN SMALL LETTER AE}": r"\ae{}",
    "\N{LATIN CAPITAL LETTER AE}": r"\AE{}",
    "\N{LATIN SMALL LETTER O WITH STROKE}": r"\o{}",
    "\N{LATIN CAPITAL LETTER O WITH STROKE}": r"\O{}",
    "\N{LATIN SMALL LETTER L WITH STROKE}": r"\l{}",
    "\N{LATIN CAPITAL LETTER L WITH STROKE}": r"\L{}",
    "\N{LATIN SMALL LIGATURE OE}": r"\oe{}",
    "\N{LATIN CAPITAL LIGATURE OE}": r"\OE{}",
    "\N{LATIN SMALL LETTER DOTLESS I}": r"\i{}",
}
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
}  # fmt: skip
_DOUBLED = re.compile(r"([-',])(?=\1)")  # two of these would be another sign
_LONG_WORD = 14  # characters: longer ones are broken over lines, only where we say
_MAY_BREAK_AFTER = re.compile(r"(?<=[/_:.,=@()|-])(?=\w)")
_BREAK = "\0"
_APART = "\1"
_AFTER_NUMBER = r"\allowbreak{}"  # of a character


def latex(text: str, may_break: bool = False) -> str:
    """Text as LaTeX.

    Args:
        text: of one line.
        may_break: whether long words may be broken after signs such as slashes.

    Returns:
        ASCII. Characters that pdfTeX's standard fonts lack are written by their number, as `U+4E2D`.
    """
    if may_break:
        words = (_MAY_BREAK_AFTER.sub(_BREAK, word) if len(word) > _LONG_WORD else word for word in text.split(" "))
        text = " ".join(words)
    written = "".join(map(_character, _DOUBLED.sub(rf"\1{_APART}", text)))
    return written if may_break else written.replace(_AFTER_NUMBER, "")


def _character(character: str) -> str:
    if character == _BREAK:
        return r"\allowbreak "
    if character == _APART:
        return "{}"
    if character in _SIGNS:
        return _SIGNS[character]
    if " " <= character <= "~":
        return character
    letter, *accents = list(unicodedata.normalize("NFD", character))
    if len(accents) == 1 and accents[0] in _ACCENTS and letter.isascii() and letter.isalpha():
        return rf"\{_ACCENTS[accents[0]]}{{{letter}}}"
    return f"[U+{ord(character):04X}]{_AFTER_NUMBER}"
