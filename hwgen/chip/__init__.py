"""From a compiled network to a bitstream: the chip's top, and what the tools make of it."""
