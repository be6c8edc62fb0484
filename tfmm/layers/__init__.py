"""Layers: what the models of every task are made of."""
