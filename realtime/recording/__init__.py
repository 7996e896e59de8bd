"""RecordedInput runs: every input of a live run in one file, and the source that reads it back."""
