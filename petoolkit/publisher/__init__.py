"""Datasets, adapters, metrics and scores -> the Hugging Face Hub."""
