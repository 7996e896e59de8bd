"""What computes the engine's work orders."""
