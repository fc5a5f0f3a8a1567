"""Language models behind an OpenAI-compatible endpoint: requests, batches, costs. Replies are cached."""
