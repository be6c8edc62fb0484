"""How a turn is read: cleaned, in its language, linked to the catalogue."""
