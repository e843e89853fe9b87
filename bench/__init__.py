"""Benchmarks of fastgrad beside its peers: ``python -m bench --help``, run from the repository's root."""
