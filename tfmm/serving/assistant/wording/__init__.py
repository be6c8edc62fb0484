"""How answers are worded: by templates, or by a language model that is held to their facts."""
