"""The table of solvers. A further one is a function, and one entry of a table that this one joins."""

from petoolkit.audit.fitted_solvers import FITTED_SOLVERS
from petoolkit.audit.identity_solvers import IDENTITY_SOLVERS
from petoolkit.audit.readers import ORACLE, READERS
from petoolkit.audit.solver import Solver
from petoolkit.audit.tree_solvers import TREE_SOLVERS

SOLVERS: dict[str, Solver] = {
    solver.name: solver for solver in (*IDENTITY_SOLVERS, *FITTED_SOLVERS, *TREE_SOLVERS, *READERS, ORACLE)
}
