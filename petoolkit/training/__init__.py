"""Benchmark to adapter: supervised fine-tuning, preference pairs, DPO (the paper's section 4)."""
