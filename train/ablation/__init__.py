"""Ablations: the same training with one ingredient changed, several seeds each, on the same test part."""
