"""The original AISIX, read into ours."""
