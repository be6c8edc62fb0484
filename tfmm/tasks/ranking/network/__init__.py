"""What features of an example go through, and what scores say."""
