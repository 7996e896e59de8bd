"""Corpora as raw input for the paper's own preset: pictures, wave forms and word pieces."""
