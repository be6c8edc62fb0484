"""Training batches: of pairs, of whole histories, and of what items are searched by."""
