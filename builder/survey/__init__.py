"""A look at a catalogue before a benchmark is built of it."""
