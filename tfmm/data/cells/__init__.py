"""What single cells say: amounts, words, ids and paths of categories."""
