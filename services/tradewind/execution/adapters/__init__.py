"""Venues behind the port `execution.ports.Venue`."""
