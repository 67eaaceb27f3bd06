"""Model files made to harm: nothing in one is run, and none takes more memory than a model of its size may.

Each file is read and checked in a process with a limit on its memory, and the most that it took is looked at as well.
"""

import io
import json
import marshal
import os
import re
import subprocess
import sys
import zipfile
import zlib
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest

from hwgen.__main__ import main
from hwgen.read import heaps
from tests.read.test_errors import GOOD, entry, functional, layer, write_h5, write_keras

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 1 << 30  # bytes of address space, of which Python with its libraries takes a good part
MOST = 300  # MB that a file of a few MB may take at most, Python and its libraries (about 100) included
DEADLINE = 60  # seconds

CHILD = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
import hwgen
from hwgen.errors import HwgenError
for files in json.loads(sys.argv[2]):
    try:
        found = hwgen.check(files[0], input_type=sys.argv[3] or None, weights=files[1] if len(files) > 1 else None)
        text = "\\n".join(str(problem) for problem in found.problems)
    except HwgenError as error:
        text = str(error)
    most = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(json.dumps([text, int(most) // 1024]), flush=True)
"""


def outcomes(*files, input_type: str = "ufixed<8,0>") -> list[str]:
    """What `hwgen.check` says of each file (with its weights, where it is a pair), in a process with little memory."""
    named = [[str(name) for name in (file if isinstance(file, tuple) else (file,))] for file in files]
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CHILD, str(LIMIT), json.dumps(named), input_type]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and len(found) == len(named), f"{named[len(found) :][:1]}: {done.stderr[-2000:]}"
    for name, (text, most) in zip(named, found):
        assert most < MOST, f"{name}: {most} MB"
        assert all(len(line) < 600 and line.isprintable() for line in text.split("\n")), f"{name}: {text[:1000]!r}"
    return [text for text, _ in found]


def outcome(*files) -> str:
    return outcomes(tuple(files))[0]


# Arrays and texts


def test_one_array_under_many_names(tmp_path):
    """2,000 kernels that all are the same 4 MB."""
    layers = [entry(shape=(None, 1024))]
    layers += [layer(f"d{k}", source=f"d{k - 1}" if k else "x", use_bias=False) for k in range(2000)]
    path = write_h5(tmp_path / "m.h5", functional(*layers, outputs="d1999"))
    with h5py.File(path, "a") as file:
        one = file.create_dataset("model_weights/one", data=np.ones((1024, 1024), np.float32))
        for k in range(2000):
            group = file.create_group(f"model_weights/d{k}")
            group.attrs["weight_names"] = ["kernel:0"]
            group["kernel:0"] = one
    assert "more than the file holds" in outcome(path)


@pytest.mark.parametrize("filters", [1, 2])
def test_a_compressed_array(tmp_path, filters):
    """2 GB of zeros in 2 MB, and in a few kB where it is compressed twice."""
    path = write_h5(tmp_path / "m.h5", kernel=None)
    rows, columns = 1 << 12, 1 << 12  # 64 MB a chunk
    chunk = bytes(4 * rows * columns)
    for _ in range(filters):
        chunk = zlib.compress(chunk)
    with h5py.File(path, "a") as file:
        space = h5py.h5s.create_simple((32 * rows, columns))
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((rows, columns))
        for _ in range(filters):
            plan.set_deflate()
        group = file["model_weights/d"]
        group.attrs["weight_names"] = ["kernel:0", "d/bias:0"]
        made = h5py.h5d.create(group.id, b"kernel:0", h5py.h5t.IEEE_F32LE, space, plan)
        for k in range(32):
            made.write_direct_chunk((k * rows, 0), chunk)
    assert "more than the file holds" in outcome(path)
    with h5py.File(path, "a") as file:  # small, but compressed all the same
        del file["model_weights/d/kernel:0"]
        file["model_weights/d"].create_dataset("kernel:0", data=np.ones((3, 2)), compression="gzip")
    assert "is compressed, which Keras never does; unpack the file with h5repack" in outcome(path)


@pytest.mark.parametrize("release", ["earliest", "latest"])
def test_one_text_under_many_references(tmp_path, release):
    """2,000 names of weights that all are the same text of 2 MB."""
    path = tmp_path / "m.h5"
    with h5py.File(path, "w", libver=release) as file:
        file.attrs["model_config"] = json.dumps(GOOD)
        file.attrs["keras_version"] = "2.15.0"
        group = file.create_group("model_weights/d")
        group.attrs["weight_names"] = ["x" * (2 << 20), *(f"name{k}" for k in range(2000))]
    data = bytearray(path.read_bytes())
    (found,) = [m for m in heaps._REFERENCES.finditer(bytes(data)) if (m[1] or m[3]) == b"\1"]
    start = found.end() + (16 if (found[2] or found[4]) == b"\1" else 8)
    data[start : start + 16 * 2001] = data[start : start + 16] * 2001
    path.write_bytes(data)
    assert "has broken texts inside" in outcome(path)


@cache
def zeros(megabytes: int) -> bytes:
    """So many, deflated."""
    packer = zlib.compressobj(1, wbits=-15)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()


def bomb(path: Path, lie: bool, member: str) -> Path:
    """A .keras file with a member that unpacks to 640 MB, and says so or doesn't."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in {"metadata.json", "config.json", "model.weights.h5"} - {member}:
            archive.writestr(name, '{"keras_version": "3.1"}' if name == "metadata.json" else json.dumps(GOOD))
        archive.writestr(member, zeros(640))
        info = archive.getinfo(member)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.file_size = 1 << 16 if lie else 640 << 20
    data = bytearray(out.getvalue())
    at = info.header_offset  # the local header repeats what the directory says
    data[at + 8 : at + 10] = zipfile.ZIP_DEFLATED.to_bytes(2, "little")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("lie", [False, True])
@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_zip_bombs(tmp_path, lie, member):
    text = outcome(bomb(tmp_path / "m.keras", lie, member))
    assert "save the model again" in text and ("would unpack to" in text) == (not lie)


# Descriptions


def nest(depth: int, calls: int) -> dict:
    """A model in a model in a model..., each called `calls` times."""
    model = functional(entry(), layer("d", "Dropout", source="x"))
    for _ in range(depth):
        chain = [[["x" if k == 0 else "d", k, 0, {}]] for k in range(calls)]  # Keras counts calls of models from 1
        inner = {**model, "name": "d", "inbound_nodes": chain}
        model = functional(entry(), inner)
        model["config"]["output_layers"] = [["d", calls, 0]]
    return model


def many(count: int) -> dict:
    return functional(
        entry(),
        *(layer(f"l{k}", "Dropout", source=f"l{k - 1}" if k else "x") for k in range(count)),
        outputs=f"l{count - 1}",
    )


DESCRIPTIONS = {
    "many values": (lambda: '{"class_name": "Functional", "config": [' + "[]," * 4_000_000 + "[]]}", "describes more"),
    "many dicts": (lambda: '{"config": [' + '{"a":1},' * 3_000_000 + "1]}", "describes more than"),
    "deep json": (lambda: '{"a":' * 200_000, "isn't valid JSON"),
    "long number": (lambda: '{"class_name": ' + "9" * 1_000_000 + "}", "isn't valid JSON|can't be understood"),
    "deep models": (lambda: nest(200, 1), "can't be understood|isn't valid JSON|^$"),
    "models that multiply": (lambda: nest(40, 2), "called more than 4,096 times"),
    "many layers": (lambda: many(50_000), "called more than 4,096 times"),
    "a deep chain": (lambda: many(4_000), "^$"),
    "a large frame": (
        lambda: functional(entry(shape=(None, 10**9, 10**9)), layer("d", "Flatten", source="x")),
        "more than",
    ),
    "a frame of many digits": (
        lambda: functional(entry(shape=(None, 10**4000)), layer("d", "Flatten", source="x")),
        "more",
    ),
    "a large image": (
        lambda: functional(entry(shape=(None, 5000, 5000, 3)), layer("d", "Flatten", source="x")),
        "more than",
    ),
}


@pytest.mark.parametrize("form", ["h5", "json"])
def test_descriptions(tmp_path, form):
    files = []
    for name, (make, _) in DESCRIPTIONS.items():
        made = make()
        if form == "h5":
            files.append(write_h5(tmp_path / f"{name}.h5", made))
        else:
            (tmp_path / f"{name}.json").write_text(made if isinstance(made, str) else json.dumps(made))
            files.append((tmp_path / f"{name}.json", write_h5(tmp_path / "w.h5")))
    for (name, (_, text)), found in zip(DESCRIPTIONS.items(), outcomes(*files)):
        assert re.search(text, found), f"{name}: {found}"


def test_a_deep_chain_at_the_input(tmp_path):
    """The input's type is looked for behind 4,000 layers that change nothing."""
    assert "doesn't say the type" in outcomes(write_h5(tmp_path / "m.h5", many(4000)), input_type="")[0]


def image(*layers, shape=(None, 4, 4, 2)):
    """A chain of layers on a small image."""
    names = ["x", *(inner["name"] for inner in layers)]
    for inner, source in zip(layers, names):
        if not inner["inbound_nodes"]:
            inner["inbound_nodes"] = [[[source, 0, 0, {}]]]
    return functional(entry(shape=shape), *layers, outputs=names[-1])


def doubled(count: int) -> list[dict]:
    """Each the one before beside itself: 2^count times the channels."""
    both = [[["x" if k == 0 else f"c{k - 1}", 0, 0, {}]] * 2 for k in range(count)]
    return [layer(f"c{k}", "Concatenate", source=[inbound], axis=-1) for k, inbound in enumerate(both)]


HUGE = 10**12
LAYERS = {
    "channels": (doubled(60), "more than 16,777,216 values in a frame"),
    "padding": ([layer("p", "ZeroPadding2D", padding=[[HUGE, 0], [0, 0]], data_format=None)], "more than"),
    "reshape": ([layer("r", "Reshape", target_shape=[HUGE, HUGE])], "can't reshape"),
    "upsampling": (
        [layer("u", "UpSampling2D", size=[HUGE, HUGE], interpolation="nearest")],
        "more than|aren't supported",
    ),
    "repeated": (
        [layer("f", "Flatten"), layer("r", "RepeatVector", n=HUGE)],
        "more than|aren't supported",
    ),
    "pool": ([layer("p", "AveragePooling2D", pool_size=[HUGE, HUGE], strides=[1, 1], padding="valid")], "not fit"),
    "same pool": ([layer("p", "MaxPooling2D", pool_size=[HUGE, HUGE], strides=[1, 1], padding="same")], "more than"),
    "strides": ([layer("p", "MaxPooling2D", pool_size=[2, 2], strides=[10**300, 1], padding="valid")], ""),
}
QUANTIZERS = (
    "quantized_bits(4, 1000000000)",
    "quantized_bits(4, -1000000000)",
    "quantized_bits(1000000000)",
    "quantized_relu(4, 1000000000)",
    "quantized_relu(4, 0, negative_slope=1e-300)",
    "quantized_po2(32)",
    "quantized_relu_po2(30, max_value=1e300)",
    "quantized_relu(32, relu_upper_bound=1e308)",
    "binary(alpha=1e300)",
    "quantized_bits(9**9**9)",
    "quantized_bits(" + "9" * 5000 + ")",
    "quantized_bits(" + "(" * 100_000 + ")",
    "quantized_bits(" + "-" * 1900 + "4)",
    "a" * 5_000_000,
    "quantized_bits(4, alpha=" + "[1," * 300 + "]" * 300 + ")",
)


def test_layers(tmp_path):
    files = [write_h5(tmp_path / f"{name}.h5", image(*layers)) for name, (layers, _) in LAYERS.items()]
    for (name, (_, text)), found in zip(LAYERS.items(), outcomes(*files)):
        assert re.search(text, found), f"{name}: {found}"


def test_quantizers(tmp_path):
    """As activations, and as those of a kernel."""
    files = []
    for k, text in enumerate(QUANTIZERS):
        used = [layer("a", "QActivation", activation=text), layer("d", kernel_quantizer=text, use_bias=False)]
        files.append(write_h5(tmp_path / f"{k}.h5", image(*used, shape=(None, 3))))
    for text, found in zip(QUANTIZERS, outcomes(*files)):
        assert len(text) < 100 or found, text[:50]


# Code


CODE = "__import__('pathlib').Path({!r}).touch()"


def test_nothing_is_run(tmp_path):
    """Code in every place of a file where something might run it."""
    touched = tmp_path / "touched"
    code = CODE.format(str(touched))
    function = marshal.dumps(compile(code, "model", "exec")).hex()
    layers = [
        layer("lambda", "Lambda", function=[function, None, None], function_type="lambda", module="os"),
        layer("act", "QActivation", activation=code),
        layer("dense", kernel_quantizer=code, bias_quantizer={"class_name": code, "config": {}}, use_bias=False),
        layer("call", "QActivation", activation=f"quantized_relu(4, {code})"),
        layer("fstring", "QActivation", activation=f"f'{{{code}}}'"),
        layer("module", "system", module="os", registered_name="os>system", command=f"touch {touched}"),
        layer("sub", "Dropout", rate={"class_name": "__lambda__", "config": {"value": function}}),
    ]
    files = []
    for k, inner in enumerate(layers):
        model = image(inner, shape=(None, 3))
        model["module"], model["registered_name"] = "os", "system"
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            file["layers/q_dense/vars/0"] = np.ones((3, 2), np.float32)
        files.append(write_h5(tmp_path / f"m{k}.h5", model))
        files.append(write_keras(tmp_path / f"m{k}.keras", buffer.getvalue(), model))
    assert all(outcomes(*files[:-2]))
    assert outcomes(*files[-2:]) == ["", ""]  # nobody looks at the rate of a Dropout
    assert not touched.exists()


NAMES = ("../../up", "/tmp/x", "[/red]", "${x}", "<b>bold", "o`reg", "module")


def test_names_stay_text(tmp_path, capsys, monkeypatch):
    """Names that are paths or markup go into no path, and print as they stand; codes of the terminal are refused."""
    monkeypatch.setenv("COLUMNS", "200")
    named = [layer(name, "QActivation", activation=f"quantized_relu({9 - k % 3})") for k, name in enumerate(NAMES)]
    path = write_h5(tmp_path / "model.h5", image(*named, shape=(None, 3)))
    assert main([str(path), "-o", str(tmp_path / "out"), "--input-type", "fixed<12,4>"]) == 0
    assert {p.name for p in tmp_path.iterdir()} == {"model.h5", "out"}
    assert "<b>bold" not in (tmp_path / "out" / "report.html").read_text()
    assert main([str(path), "--check", "--input-type", "fixed<12,4>"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in NAMES)
    names = ("a\x1b[2Jb", "two\nlines", "\u202eevil", *NAMES)
    classes = [write_h5(tmp_path / f"{k}.h5", image(layer("d", name), shape=(None, 3))) for k, name in enumerate(names)]
    layers = [write_h5(tmp_path / f"n{k}.h5", image(layer(name), shape=(None, 3))) for k, name in enumerate(names)]
    assert all(outcomes(*classes, *layers))
