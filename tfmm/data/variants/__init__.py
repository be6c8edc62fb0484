"""Rows of a catalogue that are variants of a product, folded into it."""
