"""A language model behind an OpenAI-compatible endpoint: requests, batches, costs. Nothing is paid for twice."""
