"""One report about several evaluations, in the forms that were asked for."""
