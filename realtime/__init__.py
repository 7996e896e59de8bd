"""The live loop: sources, workers, session, feed and sinks around the engine in `core`."""
