"""Where timed inputs come from."""
