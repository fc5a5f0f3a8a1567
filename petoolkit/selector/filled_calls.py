"""Parameters by the filler that ships: of rules, which ask for the same calls many times."""

import json
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=16_384)  # users of a block, and settings, share requests and candidates
def filled_parameters(tool: str, instruction: str) -> dict[str, Any]:
    """The parameters of a call of a candidate tool (JSON text of an entry of a row's `candidate_tools`); shared by all
    who ask, so that nobody may change it."""
    from petoolkit.selector.parameter_filler import ParameterFiller

    return ParameterFiller({}).parameters(json.loads(tool), instruction)
