"""What a tool does, as something one can ask for: out of its description, by rules and `offline_words.yaml`."""

import re
from collections.abc import Iterable
from pathlib import Path

import yaml

WORDS = yaml.safe_load(Path(__file__).with_name("offline_words.yaml").read_text(encoding="utf-8"))
_PLAINER_VERBS: dict[str, str] = WORDS["plainer_verbs"]

_LONGEST_PHRASE = 25  # words
_ENOUGH_BEFORE_PAUSE = 4  # words
_MOST_FOREIGN = 0.2  # share of letters beyond ASCII, above which a phrase is not English

SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z(])")
_PAUSE = re.compile(r"[,:;]\s|\s-+\s")
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\))?")
_NOT_SPOKEN = re.compile(
    r"""
    https?://\S+
    | \( [^()]* \)
    | (?<!\S) /[\w{}/.-]+        # paths
    | [`*\#]+ | (?<!\w)_+ | _+(?!\w)  # marks of Markdown
    """,
    re.VERBOSE,
)
_LABEL = re.compile(r"^(?:\w+ ){0,3}(?:description|instructions?|overview|summary|note) ?: ", re.IGNORECASE)
_NOT_A_NAME = ("the", "a", "an", "all", "latest", "current", "information", "list")  # lose their capital behind a verb
_DETERMINERS = frozenset(WORDS["determiners"].split())
# Where what the user asks for ends, and how it is passed begins.
_PASSED = re.compile(
    r"\s(?:by\s(?:providing|passing|specifying|supplying|sending|using|calling|entering|inputting)|"
    r"(?:passed|provided|given|specified|supplied)\s(?:as|in|by|to|via|through)|using\sthe\s|based\son\sthe\s(?:given|"
    r"provided|specified))\b.*",
    re.IGNORECASE,
)
_THING_GIVEN = r"(?=\w)(?!(?:ones?|sizes?|times?|numbers?|lengths?|order|format|range|amounts?|types?)\b)"
_GIVEN = re.compile(
    rf"\b(?:the|an?|that) (?:given|specified|provided|supplied|requested|particular) {_THING_GIVEN}", re.IGNORECASE
)
_BARE_GIVEN = re.compile(
    rf"\b(of|for|in|from|by|at|on|to|with) (?:given|specified|provided|specific) {_THING_GIVEN}", re.IGNORECASE
)
_PLURAL = re.compile(r"\w+[^s\W]s\b")
_OBJECT = ("a", "an", "the", "my", "all", "it", "its", "them", "how", "whether")  # stand behind a verb

# How documents begin without a word about the function: "This endpoint returns ...", "Allows you to ...".
_THING = r"""
    (?: (?:rest|get|post|main|simple)\s+ )*
    (?: (?: api s? | endpoints? | end\ ?points? | method | call | route | service | resource | function | operation
          | requests? | command ) \s* )+
"""
_NAMED_THING = (
    r"(?:this|the|our) \s+ (?: \S+ \s+ ){0,6}? (?: api s? | endpoints? | end\ ?points? | route | service ) \s+"
)
_HELPS = r"(?: allows? | lets? | enables? | helps? | permits? | gives? \s+ you \s+ the \s+ ability )"
_PREAMBLES = [
    re.compile(pattern, re.IGNORECASE | re.VERBOSE)
    for pattern in (
        rf"""
        ^ (?:use|call|using) \s+ (?:this|the|our) \s+ (?: \S+ \s+ ){{0,5}}? {_THING}
        ,? \s* (?:you\ can|to|for|is\ for) \s+
        """,
        r"^ (?:you|users?) \s+ can \s+ (?:use|call) \s+ (?: \S+ \s+ ){1,8}? to \s+ (?:programmatically\s+)?",
        rf"""
        ^ (?:at|with|in|through|via|by|from|on) \s+ (?:this|the|our) \s+ {_THING} ,? \s*
        (?: (?:you|we|users?) \s+ (?:can|may) \s+ )?
        """,
        rf"^ requests? \s+ to \s+ (?:this|the) \s+ {_THING} \s* (?:will\s+)?",
        rf"""
        ^ (?: {_NAMED_THING} | (?: (?:this|the|our|an?)\s+ )? {_THING} )
        (?: of \s+ (?:our|the) \s+ (?: \S+ \s+ ){{1,6}}? {_THING} )?
        (?: (?: that | which | is | can\ be | can | will | used | able | designed | {_HELPS} | easily
              | you | users? | us | the | to | for ) \s+ )+
        """,
        rf"""
        ^ (?: {_NAMED_THING} | (?:this|the|our) \s+ {_THING} )
        (?: of \s+ (?:our|the) \s+ (?: \S+ \s+ ){{1,6}}? )? (?=\w+s\b)
        """,
        rf"""
        ^ (?: it\s+ )? {_HELPS} \s+
        (?: (?: you | users? | us | the\ user | one | to | easily ) \s+ )+
        """,
        r"^ (?: (?:this|it) \s+ )? (?:will\s+)? gives? \s+ (?:you|users?|us) \s+",
        r"""
        ^ (?: it\ (?=\w+s\b) | this\ (?:will\ |can\ )?(?=\w+s?\b) | you\ can | used\ to | use\ to | ability\ to
            | in\ order\ to | to | please | simply | easily | (?:responds?|replies)\ with ) \s* \b
        """,
    )
]


def _any_word(key: str) -> str:
    return rf"\b(?:{'|'.join(WORDS[key].split())})\b"


_UNSPOKEN = re.compile(rf"{_any_word('unspoken_words')}|[\[\]{{}}<>|=\\]", re.IGNORECASE)
_SENTENCE = re.compile(_any_word("sentence_words"), re.IGNORECASE)
_CLAUSE = re.compile(_any_word("clause_words"), re.IGNORECASE)


def _forms(verb: str) -> Iterable[str]:
    """What a verb looks like in a document: `convert`, `converts`, `converting` and the like."""
    yield verb
    yield from (f"{verb}s", f"{verb}es", f"{verb[:-1]}ies")
    yield from (f"{verb}ing", f"{verb.rstrip('e')}ing", f"{verb}{verb[-1]}ing")


_VERB_OF_FORM = {form: verb for verb in WORDS["verbs"].split() for form in _forms(verb)}


def function_phrase(description: str) -> str:
    """A description's first sentence as something one can ask for: a verb and what follows it.

    >>> function_phrase("This endpoint returns the current weather for a city. Updated hourly.")
    'get the current weather for a city'
    >>> function_phrase("Analyses the sentiment of a given text")
    'analyse the sentiment of a text'
    >>> function_phrase("Hull Moving Average indicator")
    'get the Hull Moving Average indicator'
    """
    text = _NOT_SPOKEN.sub(" ", _LINK.sub(lambda link: "" if "link" in link[1].lower() else link[1], description))
    phrase = SENTENCE_END.split(_LABEL.sub("", text.lstrip(" -/.:")), maxsplit=1)[0]
    phrase = re.sub(r"\s+([,.;:])", r"\1", " ".join(phrase.split()))
    phrase = _without_preambles(phrase)
    head = _PAUSE.split(phrase, maxsplit=1)[0]
    if len(head.split()) >= _ENOUGH_BEFORE_PAUSE:
        phrase = head
    shorter = _PASSED.sub("", phrase)
    if len(shorter.split()) > 1:
        phrase = shorter
    phrase = _BARE_GIVEN.sub(lambda match: f"{match[1]} {_article_before(match)}", phrase)
    phrase = _GIVEN.sub(_article_before, phrase)
    words = re.sub(r"\byour\b", "my", phrase).split()[:_LONGEST_PHRASE]
    return _begun_with_verb(_with_plain_verbs(words))


def _article_before(match: re.Match) -> str:
    """The article of what follows a match, with a blank: none for more than one thing."""
    rest = match.string[match.end() :]
    if _PLURAL.match(rest):
        return ""
    return "an " if rest[0].lower() in "aeio" else "a "


def _with_plain_verbs(words: list[str]) -> list[str]:
    """`save it` of `retrieves a quote and saves it`, also behind the first verb: `sort` of `lists and sorts`."""
    for at in range(1, len(words) - 2):
        is_verb = at == 1 or words[at + 2].lower().rstrip(".,") in _OBJECT
        if words[at] in ("and", "or") and words[at + 1].endswith("s") and is_verb:
            words[at + 1] = _VERB_OF_FORM.get(words[at + 1].lower(), words[at + 1])
    return words


def _begun_with_verb(words: list[str]) -> str:
    first = words[0].lower().rstrip(",:;.") if words else ""
    verb = _VERB_OF_FORM.get(first)
    if verb and len(words) > 1 and words[1].lower() == "of":
        # "Uploading of a file", and "List of vehicles"
        words = [verb, *words[2:]] if first.endswith("ing") else ["get", "the", first, *words[1:]]
    elif verb and len(words) > 1:
        words = [_PLAINER_VERBS.get(verb, verb), *words[2 if words[1] == "back" else 1 :]]
    elif len(words) > 2 and words[1].lower() in _OBJECT and not (first in _DETERMINERS or _SENTENCE.match(first)):
        words[0] = _base_form(first)
    else:
        if words and words[0].istitle() and first in _NOT_A_NAME:
            words[0] = first
        is_determined = not words or first in _DETERMINERS or first[:1].isdigit()
        words = ["get", *([] if is_determined else ["the"]), *words]
    return " ".join(words).rstrip(" .!?:;,-")


def _base_form(verb: str) -> str:
    """`round` of `rounds`, for verbs that are not on the list."""
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("ss", "ss")):
        if verb.endswith(ending):
            return verb.removesuffix(ending) + instead
    return verb.removesuffix("s")


def can_be_asked(phrase: str) -> bool:
    """Whether people could ask for a phrase of `function_phrase`: it is in English, and no sentence or code."""
    rest = phrase.partition(" ")[2]
    letters = [character for character in rest if character.isalpha()]
    foreign = sum(not character.isascii() for character in letters)
    is_sentence = _SENTENCE.search(_CLAUSE.split(rest, maxsplit=1)[0])
    return len(letters) > 2 and foreign <= _MOST_FOREIGN * len(letters) and not (_UNSPOKEN.search(rest) or is_sentence)


def _without_preambles(phrase: str) -> str:
    for preamble in _PREAMBLES:
        shorter = preamble.sub("", phrase, count=1)
        if shorter != phrase and len(shorter.split()) > 1:
            return _without_preambles(shorter)
    return phrase
