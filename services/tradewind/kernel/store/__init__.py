"""The store: one database per bot family; a service writes in units, reads at its start and for questions.

Writes reach the store as a list and become true in one transaction (`base.Store.commit`); that keeps the port small
enough to put a synchronous in-memory database behind it in the deterministic simulation.
"""
