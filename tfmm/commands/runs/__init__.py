"""Commands that make runs, and that ask them."""
