"""Reports in Vivado's form, around numbers that a test chooses, and the program that gives them out."""

import shutil
from pathlib import Path

HEAD = "Copyright 1986-2022 Xilinx, Inc.\n---\n| Tool Version : Vivado v.{version}\n| Design       : top\n---\n\n"
ROW = "| {:<26} |{} {:>9} | {:>5} |\n"


def utilization(lut=6464, lutram=236, ff=11375, bram="0.5", dsp=3, carry4=950, *, version="2023.2", star="") -> str:
    """Later versions have a column more."""
    between = " {used:>5} |     0 |          0 |" if version >= "2021" else " {used:>5} |     0 |"
    columns = " Used | Fixed | Prohibited |" if version >= "2021" else " Used | Fixed |"

    def table(*rows: tuple) -> str:
        lines = [f"+---+\n| Site Type                  |{columns} Available | Util% |\n+---+\n"]
        lines += [ROW.format(name, between.format(used=used), there, "<0.01") for name, used, there in rows]
        return "".join(lines) + "+---+\n\n\n"

    text = HEAD.format(version=version) + "Utilization Design Information\n\n1. Slice Logic\n--------------\n\n"
    text += table(
        (f"Slice LUTs{star}", lut, 17600),
        ("  LUT as Logic", lut - lutram, 17600),
        ("  LUT as Memory", lutram, 6000),
        ("    LUT as Distributed RAM", lutram, ""),
        ("Slice Registers", ff, 35200),
    )
    text += "2. Slice Logic Distribution\n---\n\n" + table(("Slice", 3333, 4400), ("LUT as Memory", 999999, 6000))
    text += "3. Memory\n---------\n\n" + table(("Block RAM Tile", bram, 60), ("  RAMB18", 1, 120))
    text += "4. DSP\n------\n\n" + table(("DSPs", dsp, 80), ("  DSP48E1 only", dsp, ""))
    text += "8. Primitives\n-------------\n\n+---+\n| Ref Name | Used | Functional Category |\n+---+\n"
    text += f"| FDRE     | {ff} |        Flop & Latch |\n"
    return text + (f"| CARRY4   |  {carry4} |          CarryLogic |\n" if carry4 else "") + "+---+\n"


def timing(wns="0.123", whs="0.034", wpws="2.083") -> str:
    names = ("WNS(ns)", "TNS(ns)", "TNS Failing Endpoints", "TNS Total Endpoints", "WHS(ns)", "THS(ns)")
    names += ("THS Failing Endpoints", "THS Total Endpoints", "WPWS(ns)", "TPWS(ns)", "TPWS Failing Endpoints")
    values = (wns, "0.000", "0", "30123", whs, "0.000", "0", "30123", wpws, "0.000", "0")
    head, rule, row = "  ".join(names), "  ".join("-" * len(name) for name in names), "        ".join(values)
    text = (
        HEAD.format(version="2023.2")
        + "Timing Summary Report\n\n---\n| Design Timing Summary\n| ---------------------\n---\n\n"
    )
    return text + f"    {head}\n    {rule}\n      {row}\n\n\nAll user specified timing constraints are met.\n"


def path(
    start="shell/emitted/network/emitted/b_sum/x_reg[3]/C",
    end="shell/emitted/dma/count_reg[0]/D",
    logic="1.234",
    route="4.321",
    levels=7,
) -> str:
    clock = "{rise@0.000ns fall@5.000ns period=10.000ns}"
    return HEAD.format(version="2023.2") + (
        "Timing Report\n\nSlack (MET) :             0.123ns  (required time - arrival time)\n"
        f"  Source:                 {start}\n"
        f"                            (rising edge-triggered cell FDRE clocked by fclk0  {clock})\n"
        f"  Destination:            {end}\n"
        f"                            (rising edge-triggered cell FDRE clocked by fclk0  {clock})\n"
        "  Path Group:             fclk0\n  Path Type:              Setup (Max at Slow Process Corner)\n"
        "  Requirement:            10.000ns  (fclk0 rise@10.000ns - fclk0 rise@0.000ns)\n"
        f"  Data Path Delay:        5.555ns  (logic {logic}ns (22.2%)  route {route}ns (77.8%))\n"
        f"  Logic Levels:           {levels}  (CARRY4=4 LUT3=1 LUT6={levels - 5})\n"
    )


def route_status(routable=30123, whole=30123, errors=0) -> str:
    return (
        "Design Route Status\n                                               :      # nets :\n"
        "   ------------------------------------------- : ----------- :\n"
        "   # of logical nets.......................... :       40000 :\n"
        "       # of nets not needing routing.......... :        9877 :\n"
        f"       # of routable nets..................... :       {routable} :\n"
        f"           # of fully routed nets............. :       {whole} :\n"
        f"       # of nets with routing errors.......... :           {errors} :\n"
    )


def drc(*rows: tuple, version="2023.2") -> str:
    """Vivado 2015.4 has no table."""
    table = "".join(f"| {rule} | {severity} | {text} | {count} |\n" for rule, severity, text, count in rows)
    table = f"+---+\n| Rule | Severity | Description | Violations |\n+---+\n{table}+---+\n" if version >= "2016" else ""
    found = sum(row[-1] for row in rows)
    text = f"Report DRC\n\n1. REPORT SUMMARY\n---\n             Violations found: {found}\n{table}\n2. REPORT DETAILS\n---\n"
    for rule, severity, title, count in rows:
        for k in range(1, count + 1):
            text += f"{rule}#{k} {severity}\n{title}  \nWhere it is.\nRelated violations: <none>\n\n"
    return HEAD.format(version=version) + text


def power(total="1.652", dynamic="1.529", static="0.123", basis="High") -> str:
    return HEAD.format(version="2023.2") + (
        "Power Report\n\n1. Summary\n----------\n\n+---+\n"
        f"| Total On-Chip Power (W)  | {total}        |\n| Design Power Budget (W)  | Unspecified* |\n"
        f"| Dynamic (W)              | {dynamic}        |\n| Device Static (W)        | {static}        |\n"
        f"| Confidence Level         | {basis}         |\n+---+\n"
    )


def install(folder: Path, bit: bytes, **reports: str) -> Path:
    """The program in a folder, with these reports by name instead of good ones; "" for one that is not written."""
    tclsh = shutil.which("tclsh")
    assert tclsh is not None, "tclsh is needed (Debian: apt-get install tcl)"
    (folder / "reports").mkdir(parents=True, exist_ok=True)
    program = folder / "vivado"
    program.write_text(f"#!{tclsh}\n" + Path(__file__).with_name("fake_vivado.tcl").read_text())
    program.chmod(0o755)
    texts = {"utilization": utilization(), "hierarchy": "by instance", "timing": timing(), "path": path()}
    texts |= {"route_status": route_status(), "drc": drc(), "power": power()} | reports
    for name, text in texts.items():
        file = folder / "reports" / f"{name}.rpt"
        file.unlink(missing_ok=True)
        if text:
            file.write_text(text)
    (folder / "reports" / "slack").write_text("0.123")
    (folder / "fail").unlink(missing_ok=True)
    (folder / "chip.bit").write_bytes(bit)
    return program
