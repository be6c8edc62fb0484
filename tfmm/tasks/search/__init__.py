"""Search: which items a text, a picture or a sound asks for."""
