"""Tests on a real control plane. A package, so that fixtures end with it and not with the worker."""
