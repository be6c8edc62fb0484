"""The command `tfmm`."""
