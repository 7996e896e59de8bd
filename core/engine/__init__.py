"""The sans-I/O engine: what was heard and seen goes in, events and work orders come out."""
