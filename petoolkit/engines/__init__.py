"""Where work is done: in this process, in several of this machine, or elsewhere; the results are the same."""
