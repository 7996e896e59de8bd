"""The websocket feed and the page."""
