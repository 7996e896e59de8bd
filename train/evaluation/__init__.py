"""The evaluation harness: what is asked of predictions, under which conditions, and how it is shown."""
