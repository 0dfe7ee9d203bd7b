"""The engine's kernels and the rules in them: made from the files of this folder, and those whose numbers they take."""

from __future__ import annotations

from pathlib import Path

from simulator.compiling import Kernels

_HERE = Path(__file__).parent
#: What the kernels of this folder are made from; those of a folder in it are made from its own files besides.
SOURCES = [
    *sorted(_HERE.glob("*.py")),
    *(_HERE.parent / f"{name}.py" for name in ("clients", "pool", "scaling", "tables")),
]
KERNELS = Kernels(SOURCES)
kernel, rule = KERNELS.kernel, KERNELS.rule
