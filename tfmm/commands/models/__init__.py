"""Commands about what is exported and served."""
