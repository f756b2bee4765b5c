"""aisix: an AI gateway whose translation is data."""

__version__ = "0.1.0"
