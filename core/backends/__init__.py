"""Executable forms of the networks and how they are made."""
