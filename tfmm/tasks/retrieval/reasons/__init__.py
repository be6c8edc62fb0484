"""Why an item is recommended: what of a shopper, a history and an item brings its score."""
