"""The versions of models that are loaded, and how they come and go."""
