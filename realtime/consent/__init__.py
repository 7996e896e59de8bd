"""Consent: what people are told, what they decided, and what follows when they take it back."""
