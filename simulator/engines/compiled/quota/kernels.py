"""The kernels of this folder: made from its files, those of the engine, and those whose numbers they take."""

from __future__ import annotations

from pathlib import Path

from simulator.compiling import Kernels
from simulator.engines.compiled.kernels import SOURCES

_HERE = Path(__file__).parent
_QUOTAS = _HERE.parent.parent / "served_otherwise.py"
KERNELS = Kernels([*sorted(_HERE.glob("*.py")), _QUOTAS, *SOURCES])
kernel, rule = KERNELS.kernel, KERNELS.rule
