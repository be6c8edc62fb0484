"""What tasks over rows of text share: their parts, classes, and batches of texts of like length."""
