"""Questions put to the simulator, one file each."""
