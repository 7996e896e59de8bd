"""Executable forms of the networks and how they are made.

A checkpoint is the truth. `export` turns it into portable ONNX files with parity vectors; `compiling` lowers
those for one backend on this machine and lets only pass what says the same; `loading` chooses at start-up.
"""
