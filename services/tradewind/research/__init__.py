"""Learning from recorded markets: runs over them, and what is told about a run afterwards."""
