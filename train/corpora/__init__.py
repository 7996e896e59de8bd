"""Corpora: one file each, from the on-disk format to training windows."""
