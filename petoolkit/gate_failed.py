"""The error of an audit's gates, in a file of its own: the command line imports it, and must start at once."""


class GateFailed(Exception):
    """A gate of an audit fails and is not allowed to; the message is a sentence with its name."""
