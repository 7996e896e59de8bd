"""The report on a finished run: its events, read once, as a page and a picture."""
