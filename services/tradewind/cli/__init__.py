"""The command line: one module per command. stdout is data, stderr is talk.

Nothing heavy is imported before a command runs, so `tradewind --help` answers at once.
"""
