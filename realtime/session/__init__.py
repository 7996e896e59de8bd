"""Sessions: a source, an engine and its workers, run together until the source ends."""
