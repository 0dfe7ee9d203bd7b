"""The engine's kernels and the rules in them: made from the files of this folder, and those whose numbers they take."""

from __future__ import annotations

from pathlib import Path

from simulator.compiling import Kernels

_HERE = Path(__file__).parent
_NUMBERS = [_HERE.parent / f"{name}.py" for name in ("clients", "pool", "scaling", "tables")]
KERNELS = Kernels([*sorted(_HERE.glob("*.py")), *_NUMBERS])
kernel, rule = KERNELS.kernel, KERNELS.rule
