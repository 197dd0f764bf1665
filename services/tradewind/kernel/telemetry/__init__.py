"""What can be seen from outside: log lines, metrics, traces. Each has one module and one way to use it."""
