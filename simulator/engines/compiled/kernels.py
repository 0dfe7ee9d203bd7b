"""The engine's kernels and the rules in them: made from the files of this folder, and those whose numbers they take."""

from __future__ import annotations

from pathlib import Path

from simulator.compiling import Kernels

_HERE = Path(__file__).parent
KERNELS = Kernels([*sorted(_HERE.glob("*.py")), _HERE.parent / "pool.py", _HERE.parent / "tables.py"])
kernel, rule = KERNELS.kernel, KERNELS.rule
