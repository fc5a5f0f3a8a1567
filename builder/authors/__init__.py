"""Who writes what a user says: rules, or a language model."""
