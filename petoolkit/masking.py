"""Keys and tokens taken out of texts of others, in the forms in which servers repeat them."""

import base64
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

_SHORTEST_IN_OTHER_FORMS = 8  # characters; a shorter secret, such as "none", is also a word


def masked(text: str, secrets: Mapping[str, str]) -> str:
    """A text without secrets: as they are, in other case, percent-encoded, and in base64 or hexadecimal digits.

    Args:
        text: of a server, which may repeat what it was sent.
        secrets: for each secret, what is shown instead.
    """
    for secret, shown in secrets.items():
        if not secret:
            continue
        text = text.replace(secret, shown)
        if len(secret) >= _SHORTEST_IN_OTHER_FORMS:
            pattern = "|".join(re.escape(form) for form in sorted(set(_forms(secret)), key=len, reverse=True))
            text = re.sub(pattern, lambda match, shown=shown: shown, text, flags=re.IGNORECASE)  # type: ignore[misc]
    return text


def _forms(secret: str) -> Iterator[str]:
    yield secret
    data = secret.encode()
    for safe in ("", "/", "-._~/:@!$&'()*+,;="):
        yield quote(secret, safe=safe)
    yield "".join(f"%{byte:02x}" for byte in data)
    yield data.hex()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):  # bytes before it, such as "user:", move its digits
            digits = encode(b"\0" * before + data).decode().rstrip("=")
            # The first and the last digits hold bits of what stands beside it.
            yield digits[-(-before * 8 // 6) : len(digits) - bool((before + len(data)) % 3)]
