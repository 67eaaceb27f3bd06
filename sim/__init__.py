"""Simulation of the emitted Verilog under cocotb, on Verilator or Icarus (see `hwgen.sim.simulate`)."""
