"""What goes wrong at the Hub, as one sentence with the next step; never with the token in it."""

import re
from typing import Any

from huggingface_hub import constants, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError, OfflineModeIsEnabled

from petoolbench import InputError

# What a call of huggingface_hub raises: answers of the Hub, a broken network, a file, a card that it refuses.
HUB_ERRORS = (HTTPError, OSError, RuntimeError, ValueError)
_TOKENS = "https://huggingface.co/settings/tokens"
_BROKEN = re.compile(r"(?i)reqwest|connection|timed? ?out")  # hf_xet has no error of its own for it
_LONGEST_WAIT = 120.0  # seconds that a Retry-After may ask for


def need_token(token: str | None = None) -> None:
    """Refuse to go on without a token.

    Args:
        token: one that was given in place of the one that is logged in.

    Raises:
        InputError: if there is none.
    """
    if not (token or get_token()):
        raise InputError(
            f"there is no token for the Hub; make one with write rights at {_TOKENS}, then run `hf auth login` or set "
            "HF_TOKEN."
        )


def status_of(error: BaseException) -> int | None:
    """The HTTP status behind an error; `None` where no answer came."""
    response = _response(error)
    return None if response is None else response.status_code


def _response(error: BaseException) -> Any:
    """The Hub's answer behind an error, which an upload wraps in others."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, HfHubHTTPError) and seen.response is not None:
            return seen.response
        seen = seen.__cause__ or seen.__context__
    return None


def is_passing(error: BaseException) -> bool:
    """Whether it may work a little later: too many requests, a fault of the Hub, a broken connection."""
    if isinstance(error, InputError | OfflineModeIsEnabled | HFValidationError):
        return False
    status = status_of(error)
    return is_network(error) if status is None else status in (408, 429) or status >= 500


def is_network(error: BaseException) -> bool:
    """Whether no answer came because of the connection."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, HTTPError | ConnectionError | TimeoutError) and not isinstance(seen, HfHubHTTPError):
            return True
        if type(seen) is RuntimeError and _BROKEN.search(str(seen)):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def asked_wait(error: BaseException) -> float | None:
    """Seconds that the Hub asks to wait, at most two minutes; `None` if it doesn't say."""
    response = _response(error)
    value = "" if response is None else response.headers.get("Retry-After", "")
    return min(float(value), _LONGEST_WAIT) if value.isdecimal() else None


def sentence(error: BaseException, name: str, kind: str, token: str | None = None) -> InputError:
    """An error of huggingface_hub, told.

    Args:
        error: one of `HUB_ERRORS`.
        name: `USER/NAME`.
        kind: `dataset`, `model` or `space`.
        token: the one that was sent, if it is not the one that is logged in.
    """
    if isinstance(error, InputError):
        return error
    if isinstance(error, OfflineModeIsEnabled):
        return InputError("offline mode is on, so nothing can be pushed; unset HF_HUB_OFFLINE, then push again.")
    if isinstance(error, HFValidationError):
        return InputError(f"{name!r} is no name on the Hub; write it as USER/NAME.")
    status, said = status_of(error), _said(error, token or get_token())
    known = {
        401: f"the Hub does not accept this token; make one with write rights at {_TOKENS}, then run `hf auth login` "
        "or set HF_TOKEN.",
        403: f"this token may not write to the {kind} {name}; take one with write rights there ({_TOKENS}), or push "
        "to a USER/NAME of your own.",
        404: f"there is no {kind} {name} on the Hub, or this token can't see it; check USER/NAME and the token.",
        409: f"the name {name} is taken on the Hub by another kind of repository than a {kind}; give another name.",
        412: f"the branch of {name} moved while this was sent, and nothing was changed; look at what is new there, "
        "then push again.",
        413: f"a file is over the Hub's limit{said}, and nothing was published; make the files smaller (fewer rows, a "
        "smaller adapter), then push again.",
        429: f"the Hub gets too many requests{said}, and nothing was published; wait some minutes, then push again.",
    }
    if status in known:
        return InputError(known[status])
    if status is not None and status >= 500:
        return InputError(
            f"the Hub has a fault ({status}), also after several tries, and nothing was published; push again later."
        )
    if status is None and is_network(error):
        return InputError(
            f"the connection to {constants.ENDPOINT} broke, or there is none; push again when it is back: a commit "
            "that arrived all the same is not made twice."
        )
    if status is None and isinstance(error, OSError) and error.filename:
        return InputError(f"{error.filename} can't be read ({error.strerror}); check it, then push again.")
    return InputError(f"the Hub refuses the {kind} {name}{said}; mend that, then push again.")


def _said(error: BaseException, token: str | None) -> str:
    """What the Hub says about it, in parentheses and without the token, should it stand there."""
    message = getattr(error, "server_message", None) or str(error)
    if (response := _response(error)) is not None:
        message = response.headers.get("X-Error-Message") or message
    text = " ".join(message.split())[:300]
    return f" ({text.replace(token, '***') if token else text})"
