"""The tests, mirroring aisix/; a package, so that they can share their checkers and stand-ins."""
