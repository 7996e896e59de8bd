"""What the verbs run: networks, sources, sinks and sessions put together from a configuration."""
