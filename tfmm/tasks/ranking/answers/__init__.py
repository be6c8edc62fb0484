"""What a ranker answers, in a SavedModel."""
