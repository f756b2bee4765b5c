"""Chaos: thousands of exchanges between misbehaving callers and a misbehaving upstream."""
