"""What training and the live loop share: values, stages, models, weights, and the sans-I/O engine."""
