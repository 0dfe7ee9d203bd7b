"""The kernels of this folder: made from its files, those of the engine, and those whose numbers they take."""

from __future__ import annotations

from pathlib import Path

from simulator.compiling import Kernels
from simulator.engines.compiled.kernels import SOURCES

KERNELS = Kernels([*sorted(Path(__file__).parent.glob("*.py")), *SOURCES])
kernel, rule = KERNELS.kernel, KERNELS.rule
