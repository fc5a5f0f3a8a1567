"""Random numbers that depend on the record alone."""

import random


def record_rng(seed: int, stage: str, record_id: str) -> random.Random:
    """A generator for one record: rebuilding the record alone, in any order, gives the same one."""
    return random.Random(f"{seed}:{stage}:{record_id}")
