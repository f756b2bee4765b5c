"""What the gateway costs; README.md says how to read a figure."""
