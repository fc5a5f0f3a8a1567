"""Faults of pushing to the Hub, each as one sentence with the next step; the token never stands in it.

`petoolkit.hub_reading` does the same for faults of reading.
"""

import re
from typing import Any

from huggingface_hub import constants, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError, OfflineModeIsEnabled

from petoolbench import InputError
from petoolkit.masking import masked

# What calls of huggingface_hub raise: answers of the Hub, a broken network, an unreadable file, a card it refuses.
HUB_ERRORS = (HTTPError, OSError, RuntimeError, ValueError)
_TOKENS = "https://huggingface.co/settings/tokens"
_BROKEN = re.compile(r"(?i)reqwest|connection|timed? ?out")  # hf_xet raises a plain RuntimeError for it
_LONGEST_WAIT = 120.0  # seconds that a Retry-After may ask for
_LONGEST_REASON = 300  # characters


def need_token(token: str | None = None) -> None:
    """Check that there is a token.

    Args:
        token: one that was given instead of the one that is logged in.

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
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, HfHubHTTPError) and cause.response is not None:
            return cause.response
        cause = cause.__cause__ or cause.__context__
    return None


def is_passing(error: BaseException) -> bool:
    """Whether a later try may work: too many requests, a fault of the Hub, a broken connection."""
    if isinstance(error, InputError | OfflineModeIsEnabled | HFValidationError):
        return False
    status = status_of(error)
    return is_network(error) if status is None else status in (408, 429) or status >= 500


def is_network(error: BaseException) -> bool:
    """Whether the connection is the reason why no answer came."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, HTTPError | ConnectionError | TimeoutError) and not isinstance(cause, HfHubHTTPError):
            return True
        if type(cause) is RuntimeError and _BROKEN.search(str(cause)):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def asked_wait(error: BaseException) -> float | None:
    """Seconds that the Hub asks to wait, at most two minutes; `None` if it does not ask."""
    response = _response(error)
    value = "" if response is None else response.headers.get("Retry-After", "")
    return min(float(value), _LONGEST_WAIT) if value.isdecimal() else None


def as_input_error(error: BaseException, repo_id: str, kind: str, token: str | None = None) -> InputError:
    """An error of huggingface_hub as a sentence for the user.

    Args:
        error: one of `HUB_ERRORS`.
        repo_id: `USER/NAME`.
        kind: `dataset`, `model` or `space`.
        token: the token that was sent, if it is not the one that is logged in.
    """
    if isinstance(error, InputError):
        return error
    if isinstance(error, OfflineModeIsEnabled):
        return InputError("offline mode is on, so nothing can be pushed; unset HF_HUB_OFFLINE, then push again.")
    if isinstance(error, HFValidationError):
        return InputError(f"{repo_id!r} is not a name on the Hub; write it as USER/NAME.")
    status, reason = status_of(error), _reason(error, token or get_token())
    by_status = {
        401: f"the Hub does not accept this token; make one with write rights at {_TOKENS}, then run `hf auth login` "
        "or set HF_TOKEN.",
        403: f"this token may not write to the {kind} {repo_id}; take one with write rights there ({_TOKENS}), or "
        "push to a USER/NAME of your own.",
        404: f"there is no {kind} {repo_id} on the Hub, or this token cannot see it; check USER/NAME and the token.",
        409: f"the name {repo_id} is taken on the Hub by another kind of repository than a {kind}; give another name.",
        412: f"the branch of {repo_id} moved while this was sent, and nothing was changed; look at what is new there, "
        "then push again.",
        413: f"a file is over the Hub's limit{reason}, and nothing was published; make the files smaller (fewer rows, "
        "a smaller adapter), then push again.",
        429: f"the Hub gets too many requests{reason}, and nothing was published; wait some minutes, then push again.",
    }
    if status in by_status:
        return InputError(by_status[status])
    if status is not None and status >= 500:
        return InputError(
            f"the Hub has a fault ({status}), after several tries too, and nothing was published; push again later."
        )
    if status is None and is_network(error):
        return InputError(
            f"the connection to {constants.ENDPOINT} broke, or there is none; push again when it is back: a commit "
            "that arrived all the same is not made twice."
        )
    if status is None and isinstance(error, OSError) and error.filename:
        return InputError(f"{error.filename} cannot be read ({error.strerror}); check it, then push again.")
    return InputError(f"the Hub refuses the {kind} {repo_id}{reason}; fix that, then push again.")


def _reason(error: BaseException, token: str | None) -> str:
    """The reason that the Hub gives, in parentheses, with the token masked if it stands there."""
    message = getattr(error, "server_message", None) or str(error)
    if (response := _response(error)) is not None:
        message = response.headers.get("X-Error-Message") or message
    text = masked(" ".join(message.split()), {token: "***"} if token else {})
    return f" ({text[:_LONGEST_REASON]})"
