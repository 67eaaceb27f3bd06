"""The bus inside a shell, between what the host speaks (AXI, a serial line) and the registers."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.boards.shell.registers import WINDOW

# Seen from the host's side. address: of the word (byte address / 4). write: `write_data` goes to that register in this
# cycle. read: `read_data` is that register in the next cycle, for that cycle only. Never both at once.
Bus = wiring.Signature(
    {
        "address": Out(range(WINDOW // 4)),
        "write": Out(1),
        "write_data": Out(32),
        "read": Out(1),
        "read_data": In(32),
    }
)
