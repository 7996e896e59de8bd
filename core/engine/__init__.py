"""The sans-I/O engine: timed inputs in, events and jobs for workers out."""
