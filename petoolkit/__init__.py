"""Everything that is installed beside the contract, under one name: nothing here hides a package of yours."""

from pathlib import Path

if not Path(__file__).with_name("builder").is_dir():
    # A checkout has `builder/` beside this folder, a wheel inside it. It is imported as `petoolkit.builder` from both,
    # so that it is never mistaken for somebody else's `builder`.
    __path__.append(str(Path(__file__).parent.parent))
