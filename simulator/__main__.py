"""``python -m simulator`` is the same as ``endpointsim``."""

from simulator.cli import main

if __name__ == "__main__":
    main(prog_name="endpointsim")
