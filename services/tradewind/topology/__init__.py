"""How the workloads of a plan come to life: in one process here, as supervised processes or on Kubernetes elsewhere.

The same services, the same messages, the same rows in the same tables: only the bus and the store behind them differ.
"""
