"""Recordings to tokens through the stages of the live loop: cached, in parallel, on one machine or many."""
