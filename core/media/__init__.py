"""Recordings: containers, streams, time stamps, decoding, and the source that reads them."""
