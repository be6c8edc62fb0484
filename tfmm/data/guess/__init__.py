"""A first shop file and run file, guessed from the tables in a folder."""

from tfmm.data.guess.guess import Guess, guess

__all__ = ["Guess", "guess"]
