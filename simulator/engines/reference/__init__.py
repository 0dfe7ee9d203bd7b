"""The reference engine: one SimPy process per attempt of a request, in the order in which the request lives it.

Written to be read beside ``notes/model.md``, sections 1 to 4, 7.1 and 7.2, paragraph by paragraph; speed is the
business of the compiled engine, which has to give the same rows.

`moments` knows the order of events, `endpoint` what every pool has in common, `launching` the pools that launch on
demand (3), `standing` and `batches` those of standing instances (4), `metrics`, `policies` and `scaling` how these
follow their load (4.2), `provisioned` how standing instances of pools that launch do (3.2). `population` knows clients
that send in turn (4.5), `quota` what a quota lets through (4.6), `jobs` what is served together (4.7), `shared_models`
models on common instances (7.1), `account` pools under a common limit (7.2); `simulation` how a run is fed. The engine
remembers what is going on, not what has been; ``ledger.py`` sees to that.
"""

from simulator.engines.reference.simulation import Simulation, simulate

__all__ = ["Simulation", "simulate"]
