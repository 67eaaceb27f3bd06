"""The host driver on a Linux of files: UIO, /dev/mem, u-dma-buf, the FPGA manager, FCLK0, PYNQ, and its command line."""

import json
import socket
import struct
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from hwgen.boards.shell import driver, uart_host
from hwgen.boards.shell.driver import Accelerator, BufferTooSmall, DriverError, Linux, NotLoaded, Pynq, load, set_clock
from tests.shell.chip_model import ADDRESS
from tests.shell.test_driver import HASH, PIXELS, chip, frames_of

SIZE = 8192


def write(path: Path, text: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


@pytest.fixture
def root(tmp_path):
    """/sys and /dev with a chip's constant registers, by UIO, and a u-dma-buf; the registers don't do anything."""
    manager = tmp_path / "sys/class/fpga_manager/fpga0"
    write(manager / "state", "operating\n")
    write(manager / "firmware", "")
    write(manager / "flags", "")
    for k, (name, address) in enumerate((("xadc", 0xF8007100), ("shell", 0x40000000))):
        write(tmp_path / f"sys/class/uio/uio{k}/name", f"{name}\n")
        write(tmp_path / f"sys/class/uio/uio{k}/maps/map0/addr", f"{address:#x}\n")
    words = np.zeros(1024, "<u4")
    machine = chip()
    for offset, (name, _) in machine.map.items():
        words[offset // 4] = machine.values[name]
    write(tmp_path / "dev/uio1", words.tobytes())
    write(tmp_path / "dev/uio0", bytes(4096))
    (tmp_path / "run").mkdir()
    buffer(tmp_path, "u-dma-buf", "udmabuf0", 4096)
    buffer(tmp_path, "u-dma-buf", "frames", SIZE)
    return tmp_path


def buffer(root: Path, kind: str, name: str, size: int) -> None:
    folder = root / "sys/class" / kind / name
    for file, text in {"size": size, "phys_addr": f"{ADDRESS:#x}", "sync_mode": 1}.items():
        write(folder / file, f"{text}\n")
    for file in ("sync_offset", "sync_size", "sync_direction", "sync_for_cpu", "sync_for_device"):
        write(folder / file, "0\n")
    write(root / "dev" / name, bytes(size))


def test_registers_by_uio_and_the_largest_buffer(root):
    machine = Linux(str(root))
    accelerator = Accelerator(machine)
    assert accelerator.hash == HASH.hex() and machine.uio is not None
    assert len(machine.buffer) == SIZE and machine.address == ADDRESS
    machine.write(0x070, 7)
    machine.buffer[9] = 5
    assert (root / "dev/uio1").read_bytes()[0x070] == 7 and (root / "dev/frames").read_bytes()[9] == 5
    machine.sync_for_device(64, 128)
    folder = root / "sys/class/u-dma-buf/frames"
    found = {file.name: file.read_text().strip() for file in folder.iterdir() if file.name.startswith("sync_")}
    assert found["sync_offset"] == "64" and found["sync_size"] == "128"
    assert found["sync_for_device"] == "1" and found["sync_for_cpu"] == "0"
    machine.sync_for_cpu(0, 64)
    assert (folder / "sync_for_cpu").read_text() == "1\n"
    machine.close()
    assert machine.buffer is None


def test_a_device_that_is_named_after_hwgen_comes_first(root):
    write(root / "sys/class/uio/uio0/name", "hwgen@40000000")
    assert driver.find_uio(str(root)) == "uio0"


def test_registers_by_dev_mem_and_the_old_name_of_the_buffer(root):
    words = (root / "dev/uio1").read_bytes()
    for k in (0, 1):
        (root / f"sys/class/uio/uio{k}/maps/map0/addr").write_text("0x1000")
    with open(root / "dev/mem", "wb") as file:  # a file with a hole
        file.seek(driver.BASE)
        file.write(words)
    (root / "sys/class/u-dma-buf").rename(root / "sys/class/udmabuf")
    machine = Linux(str(root))
    assert Accelerator(machine).clock_hz == 125_000_000 and len(machine.buffer) == SIZE
    assert machine.wait(0) is False, "nothing says that there is an interrupt"
    machine.close()


def test_the_interrupt_by_uio(root):
    machine = Linux(str(root))
    ours, kernel = socket.socketpair()
    with ours, kernel:
        machine.uio = ours.fileno()
        assert machine.wait(0.01) is False
        assert kernel.recv(9) == struct.pack("=I", 1), "the interrupt was let through"
        kernel.send(struct.pack("=I", 17))
        assert machine.wait(10) is True
        assert machine.wait(0.01) is False, "an interrupt counts once"
        kernel.close()
        assert machine.wait(0.01) is False and machine.uio is None, "a device without interrupt is asked instead"
    machine.close()


def test_what_is_missing(root):
    write(root / "sys/class/fpga_manager/fpga0/state", "unknown\n")
    (root / "dev/uio1").rename(root / "dev/away")
    with pytest.raises(NotLoaded, match="no bitstream is loaded, the FPGA manager says 'unknown'"):
        Linux(str(root))
    write(root / "sys/class/fpga_manager/fpga0/state", "operating")
    with pytest.raises(NotLoaded, match="can't reach the registers through .*uio1"):
        Linux(str(root))
    (root / "dev/away").rename(root / "dev/uio1")
    (root / "dev/frames").unlink()
    with pytest.raises(BufferTooSmall, match="can't open the memory .*frames"):
        Linux(str(root))
    (root / "sys/class/u-dma-buf").rename(root / "sys/class/none")
    machine = Linux(str(root))
    accelerator = Accelerator(machine)
    machine.read = lambda offset: 0  # a reset is done at once
    with pytest.raises(BufferTooSmall, match="modprobe u-dma-buf udmabuf0=1048576"):
        accelerator.run(frames_of(PIXELS, 1, 0))


BIN = bytes(64) + b"\x66\x55\x99\xaa" + bytes(64)


def test_a_bitstream_is_loaded_after_the_running_chip_has_stopped(root):
    write(root / "new.bit.bin", BIN)
    load(str(root / "new.bit.bin"), str(root))
    manager = root / "sys/class/fpga_manager/fpga0"
    assert (manager / "firmware").read_text() == "new.bit.bin" and (manager / "flags").read_text() == "0"
    assert (root / "lib/firmware/new.bit.bin").read_bytes() == BIN
    assert (root / "dev/uio1").read_bytes()[0x40] == 0, "what was loaded before, nobody knows: it isn't touched"
    machine = chip()
    load(str(root / "new.bit.bin"), str(root), machine)
    assert machine.log == [("CONTROL", 2)], "the running chip was reset"
    for _ in range(2):
        with pytest.raises(driver.Hangs, match="the running chip doesn't end its reset"):
            load(str(root / "new.bit.bin"), str(root))  # the file keeps the bit
    assert (root / "dev/uio1").read_bytes()[0x40] == 2


def test_a_bitstream_that_cannot_be_loaded(root):
    with pytest.raises(DriverError, match="can't read .*none.bit.bin: No such file"):
        load(str(root / "none.bit.bin"), str(root))
    write(root / "a.bit", bytes(64) + b"\xaa\x99\x55\x66")
    with pytest.raises(DriverError, match="a.bit isn't for the FPGA manager: give the .bit.bin"):
        load(str(root / "a.bit"), str(root))
    write(root / "new.bit.bin", BIN)
    write(root / "sys/class/fpga_manager/fpga0/state", "write error")
    with pytest.raises(NotLoaded, match="says 'write error'"):
        load(str(root / "new.bit.bin"), str(root))
    (root / "sys/class/fpga_manager/fpga0/firmware").unlink()
    with pytest.raises(DriverError, match="can't load a bitstream from here"):
        load(str(root / "new.bit.bin"), str(root))


def test_the_clock(root):
    assert "FCLK0 has to be 100 MHz or slower: this Linux doesn't offer it" in set_clock(100_000_000, str(root))
    file = root / "sys/devices/soc0/fclk0/set_rate"
    write(file, "50000000")
    assert set_clock(100_000_000, str(root)) == "FCLK0 is 100 MHz"
    assert file.read_text() == "100000000"


def test_pynq(root, monkeypatch):
    machine, loaded = chip(), []
    fake = types.ModuleType("pynq")
    fake.MMIO = lambda base, length: machine
    fake.Clocks = types.SimpleNamespace(fclk0_mhz=50.0)
    fake.Bitstream = lambda path: types.SimpleNamespace(download=lambda: loaded.append(path))

    class Buffer(np.ndarray):
        physical_address = ADDRESS
        flushed = invalidated = freed = 0

        def flush(self):
            Buffer.flushed += 1

        def invalidate(self):
            Buffer.invalidated += 1

        def freebuffer(self):
            Buffer.freed += 1

    def allocate(shape, dtype):
        machine.buffer = np.zeros(shape, dtype)
        return machine.buffer.view(Buffer)

    fake.allocate = allocate
    monkeypatch.setitem(sys.modules, "pynq", fake)
    board = Pynq("digits.bit", clock_hz=125_000_000, size=1 << 14, root=str(root))
    assert loaded == ["digits.bit"] and fake.Clocks.fclk0_mhz == 125
    frames = frames_of(PIXELS, 20, 1)
    with Accelerator(board) as accelerator:
        np.testing.assert_array_equal(accelerator.run(frames), Accelerator(chip()).run(frames))
    assert Buffer.flushed and Buffer.invalidated and Buffer.freed == 1
    machine.log.clear()
    Pynq("other.bit", root=str(root))
    assert machine.log == [("CONTROL", 2)], "the running chip was reset before the next was loaded"


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.fixture
def board(monkeypatch, tmp_path):
    """A chip in software where the command line looks for one, with its model's .json."""
    machine = chip()
    monkeypatch.setattr(driver, "Linux", lambda root: machine)
    model = {"model": "m", "hash": HASH.hex(), "clock_hz": 125_000_000}
    model |= {"inputs": [{"name": "image", "shape": [4, 3, 2]}], "outputs": [{"name": "scores", "shape": [5]}]}
    write(tmp_path / "m.json", json.dumps(model))
    machine.model = str(tmp_path / "m.json")
    return machine


def test_run_prints_classes_and_writes_scores(board, tmp_path, capsys):
    frames = frames_of(PIXELS, 9, 4)
    expected = Accelerator(chip()).run(frames)
    labels = expected.argmax(axis=1)
    np.savez(tmp_path / "frames.npz", image=frames, y=labels)
    out = tmp_path / "scores.npy"
    assert driver.main(["--model", board.model, "run", str(tmp_path / "frames.npz"), "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "9 frames in" in said and " ".join(map(str, labels)) in said and "100.00 % as the labels say" in said
    np.testing.assert_array_equal(np.load(out), expected)
    assert board.closed


def test_status_leaves_the_chip_as_it_is(board, capsys):
    assert driver.main(["status"]) == 0
    said = capsys.readouterr().out
    assert f"model hash {HASH.hex()}, built for 125 MHz" in said and "idle: no frame" in said
    assert "INPUT0.TYPE" in said and "WIDTH=8" in said
    assert {name for name, _ in board.log} <= {"FIFO_SELECT"} and board.closed


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["run", "none.npy"], "can't read frames from none.npy"),
        (["--model", "none.json", "run", "none.npy"], "none.json isn't a model's .json"),
        (["load", "none.bit.bin"], "can't read none.bit.bin"),
    ],
)
def test_errors_of_the_command_line_are_one_line(board, arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert driver.main(arguments, str(tmp_path)) == 1
    printed = capsys.readouterr()
    assert said in printed.err and len(printed.err.splitlines()) == 1 and printed.err.startswith("hwgen_driver.py: ")


def test_a_serial_board(board, monkeypatch, capsys, tmp_path):
    closed = []
    port = types.SimpleNamespace(close=lambda: closed.append(True))
    link = types.SimpleNamespace(read=board.read, write=board.write, run=None, port=port)
    monkeypatch.setattr(uart_host, "Serial", lambda path: path)
    monkeypatch.setattr(uart_host, "Link", lambda path: link)
    assert driver.main(["--serial", "/dev/ttyUSB0", "status"]) == 0 and closed
    assert "idle" in capsys.readouterr().out

    def silence(*_):
        raise uart_host.LinkError("no answer to 5 requests")

    link.read = silence
    assert driver.main(["--serial", "/dev/ttyUSB0", "status"]) == 1
    assert capsys.readouterr().err == "hwgen_driver.py: no answer to 5 requests\n"


def test_the_file_runs_by_itself(tmp_path):
    alone = tmp_path / "hwgen_driver.py"
    write(alone, Path(driver.__file__).read_bytes())
    block = "import sys; sys.modules['hwgen'] = None; sys.argv = ['hwgen_driver.py', 'load', 'none.bit.bin']"
    code = f"{block}; import runpy; runpy.run_path({str(alone)!r}, run_name='__main__')"
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert ran.returncode == 1 and ran.stderr == "hwgen_driver.py: can't read none.bit.bin: No such file or directory\n"
