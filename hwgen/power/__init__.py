"""An estimate of dynamic power from the switching activity of simulated frames."""
