"""Finished runs in the formats of other programs: tables, subtitles, annotations."""
