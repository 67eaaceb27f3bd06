"""The whole chip around a network: registers, DMA engines, and what the chip's processor or a serial line needs."""
