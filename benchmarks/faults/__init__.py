"""`bench faults`: faults of devices, clocks and the machine, made for real."""
