"""Training of peers and fusion: batches, losses, the loop and its saved state."""
