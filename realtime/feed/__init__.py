"""The websocket feed: server, clients for Python, ingest of audio and video, and the protocol's messages."""
