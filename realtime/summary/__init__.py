"""What a run has shown, in a few lines: the same in terminal, page, window and run folder."""
