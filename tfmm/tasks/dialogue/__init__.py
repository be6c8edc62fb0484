"""The task of dialogue: what shoppers want, in which words, and whether it is known at all."""
