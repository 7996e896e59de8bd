"""From recordings and texts to tokens: what the frozen encoders give."""
