"""The kernels of this folder: made from its files, those of the engine, and those whose numbers they take."""

from __future__ import annotations

from pathlib import Path

from simulator.compiling import Kernels

_HERE = Path(__file__).parent
_ENGINES = _HERE.parent.parent
KERNELS = Kernels(
    [
        *sorted(_HERE.glob("*.py")),
        *sorted(_HERE.parent.glob("*.py")),
        *(_ENGINES / f"{name}.py" for name in ("pool", "scaling", "tables")),
    ]
)
kernel, rule = KERNELS.kernel, KERNELS.rule
