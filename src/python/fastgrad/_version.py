"""The version, said once: the build reads this line."""

__version__ = "0.1.0"
