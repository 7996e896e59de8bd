"""The tracker window: a client of the feed, and the engine's process beside it. Only this package uses Qt."""
