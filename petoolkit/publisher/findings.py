"""Keys, e-mail addresses and telephone numbers in texts, which should not be published."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

KINDS = {"keys": "keys or passwords", "emails": "e-mail addresses", "phones": "telephone numbers"}

_KEYS = re.compile(
    r"""-----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b                                     # Amazon
    | \bgh[pousr]_[A-Za-z0-9]{36,} | \bgithub_pat_[A-Za-z0-9_]{30,}     # GitHub
    | \bhf_[A-Za-z0-9]{30,}                                             # Hugging Face
    | \bsk-[A-Za-z0-9_-]{20,}                                           # OpenAI, Anthropic
    | \bAIza[0-9A-Za-z_-]{35} | \bya29\.[0-9A-Za-z_-]{20,}              # Google
    | \bxox[abeprs]-[0-9A-Za-z-]{10,}                                   # Slack
    | \b[rs]k_live_[0-9A-Za-z]{16,}                                     # Stripe
    | \b\d{8,10}:AA[0-9A-Za-z_-]{33}                                    # Telegram
    | \b[0-9a-f]{10}msh[0-9a-f]{15}p1[0-9a-f]{5}jsn[0-9a-f]{12}         # RapidAPI
    | \beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}  # JSON web tokens
    | \bhttps?://(?!user)[^\s/:@"'{<]+:[^\s/@"']+@[\w.-]+               # an address with a password
    """,
    re.VERBOSE,
)
# A value beside a name such as `api_key`; it counts if it looks random.
_SECRET_NAME = r"(?:api|app|access|secret|auth|private|client)[-_ ]?(?:key|token|secret)|apikey|token|password|passwd"
_NAMED = re.compile(rf"""(?i)({_SECRET_NAME})["'\\]*\s*[:=]\s*["'\\]*([A-Za-z0-9_\-+/=.]{{16,}})""")
_SECRET = re.compile(rf"(?i)(?:^|[-_ ])(?:{_SECRET_NAME}|key)$")
_DRAWN = re.compile(r"(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_\-+/=.]{16,}")

_EMAIL = re.compile(r"(?<![\w.+%/-])[A-Za-z0-9][\w.+%-]*@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})\b")
# Domains that RFC 2606 reserves, and those that documents use as placeholders.
_EXAMPLE_DOMAIN = re.compile(
    r"(?i)(?:.*\.)?(?:example\.(?:com|net|org|edu)|[\w-]+\.(?:example|test|invalid|localhost)"
    r"|(?:test|domain|email|yourdomain|mydomain|yourcompany|company|acme|foo|bar|abc|xyz|sample|mailinator)\.com"
    r"|domain\.(?:net|org|tld))"
)

_EXAMPLE_NAME = re.compile(r"(?i)(?:example|test|user|username|email|name|someone|foo|abc|xyz|your[\w.]*)\d*")

# A plus before a digit, North America's groups of digits, or groups behind its prefix for other countries: most texts,
# also with dates, have none of these, and need no further search.
_MAYBE_PHONE = re.compile(
    r"[+\uff0b]\W{0,3}\d|(?<!\d)\d{3}\W{1,3}\d{3}\W{1,3}\d{4}(?!\d)|(?<!\d)011\W{1,3}\d{1,4}\W{1,3}\d"
)
_LONGEST_GROUP = 4  # digits of a number that is written in groups
_PHONE_NAME = re.compile(r"(?i)(?:^|[-_ ]|(?<=[a-z]))(?:phone|mobile|msisdn|telephone|cell)[-_ ]?(?:number|no|num)?$")
_BARE_PHONE = re.compile(r"\+?\d{8,15}")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class Finding:
    """A piece of a text that should not be published."""

    kind: str  # one of `KINDS`
    value: str

    @property
    def masked(self) -> str:
        """Enough of the value to find it in the text, and no more."""
        if self.kind == "emails":
            name, _, domain = self.value.partition("@")
            return f"{name[0]}***@{domain[0]}***.{domain.rpartition('.')[2]}"
        return f"{self.value[:4]}*** ({len(self.value)} characters)"


def find(text: str, with_examples: bool = False) -> Iterator[Finding]:
    """Find keys, addresses and numbers in a text.

    Args:
        text: any text.
        with_examples: whether obvious examples (example.com, 555 numbers, 1234567890) are found too.
    """
    if len(text) > 7:
        keys = [match[0] for match in _KEYS.finditer(text)]
        keys += [match[2] for match in _NAMED.finditer(text) if _DRAWN.fullmatch(match[2]) and match[2] not in keys]
        yield from (Finding("keys", key) for key in keys)
        if "@" in text:
            for match in _EMAIL.finditer(text):
                name, _, domain = match[0].partition("@")
                example = _EXAMPLE_DOMAIN.fullmatch(domain) or _EXAMPLE_NAME.fullmatch(name)
                if (with_examples or not example) and not any(
                    match[0] in key for key in keys
                ):  # a password and its host
                    yield Finding("emails", match[0])
        for number in _phone_numbers(text):
            if with_examples or not _is_example(number):
                yield Finding("phones", number)


def find_by_name(name: str, value: str, with_examples: bool = False) -> Iterator[Finding]:
    """Find a parameter's value that only the parameter's name shows to be a key or a telephone number."""
    if _SECRET.search(name) and _DRAWN.fullmatch(value):
        yield Finding("keys", value)
    if _PHONE_NAME.search(name) and _BARE_PHONE.fullmatch(value) and (with_examples or not _is_example(value)):
        yield Finding("phones", value)


def _phone_numbers(text: str) -> Iterator[str]:
    """Valid telephone numbers: with a country code, or North American ones that are written in groups.

    Digits in a row without a country code are most often an id.
    """
    if not _MAYBE_PHONE.search(text):
        return
    from phonenumbers import Leniency, PhoneNumberMatcher

    for match in PhoneNumberMatcher(text, "US", Leniency.STRICT_GROUPING):
        number = match.raw_string
        if "+" in number or max(map(len, _DIGITS.findall(number))) <= _LONGEST_GROUP:
            yield number if ")" in number else number.lstrip("(")


def _is_example(phone: str) -> bool:
    """Whether nobody has a number: 555 (kept for films in North America), digits in a row, or few different ones."""
    digits = "".join(_DIGITS.findall(phone))
    if not 8 <= len(digits) <= 15:
        return True
    in_a_row = "01234567890123456789"
    return (
        digits[-7:-4] == "555"
        or digits[-10:-7] == "555"
        or len(set(digits[-7:])) <= 2
        or digits[-6:] in in_a_row
        or digits[-6:] in in_a_row[::-1]
    )
