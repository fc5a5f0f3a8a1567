"""Typed records of what an evaluation took: tokens, seconds and cost."""

from typing import Annotated

from pydantic import BaseModel, Field

Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class MemoryUsage(BaseModel):
    """What was spent on histories before the requests were asked (`--history profile`, `notes`, `python:`).

    Args:
        calls: of the model; of a memory of the user's, rows that it recalled something for.
        prompt_tokens, completion_tokens, cost_usd: of these calls; `None` if not known.
        seconds: of all calls one after the other.
        cut: texts that were cut at the most tokens of a reply.
    """

    calls: Count
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    seconds: Amount = 0
    cost_usd: Amount | None = None
    cut: Count = 0


class ReplyUsage(BaseModel):
    """Tokens, seconds and cost of the replies, and beside them what was spent on histories; `None` if not known."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    median_seconds: Amount | None = None
    p95_seconds: Amount | None = None
    cost_usd: Amount | None = None
    memory: MemoryUsage | None = None
