"""Checks, loads and runs what `edits.ts` wrote: python edits.py OUT [--list].

Of each form: how many models there are; how many onnx.checker (full) refuses though it takes the original; how many
ONNX Runtime's CPU does not load or run though it does the original; and how far the outputs of the others are from the
original's, as SQNR in dB.
"""

import sys
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

warnings.filterwarnings("ignore")
SETTINGS = ort.SessionOptions()
SETTINGS.intra_op_num_threads = 1
SETTINGS.log_severity_level = 4


def check(file):
    try:
        onnx.checker.check_model(str(file), full_check=True)
    except Exception as e:
        return str(e)
    return None


def feeds(session, folder):
    """The test's first input in the type that the model takes."""
    given = session.get_inputs()
    if not given:
        return {}
    tensor = onnx.TensorProto()
    tensor.ParseFromString((folder / "test_data_set_0/input_0.pb").read_bytes())
    value = numpy_helper.to_array(tensor)
    return {given[0].name: value.astype(np.float16) if given[0].type == "tensor(float16)" else value}


def run(file, folder):
    session = ort.InferenceSession(str(file), SETTINGS, providers=["CPUExecutionProvider"])
    return session.run(None, feeds(session, folder))


def tensors(values):
    """Those of sequences one by one."""
    for value in values:
        if isinstance(value, list):
            yield from tensors(value)
        else:
            yield np.asarray(value)


def sqnr(expected, found):
    """Of all floating-point outputs, in dB; None where there are none, or shapes or what is finite differ."""
    signal = noise = 0.0
    expected, found = list(tensors(expected)), list(tensors(found))
    if len(expected) != len(found):
        return None
    for a, b in zip(expected, found):
        if a.shape != b.shape:
            return None
        if a.dtype.kind != "f":
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        finite = np.isfinite(a)
        if not np.array_equal(finite, np.isfinite(b)):
            return None
        signal += (a[finite] ** 2).sum()
        noise += ((a - b)[finite] ** 2).sum()
    return np.inf if noise == 0 else 10 * np.log10(max(signal, 1e-30) / noise)


def main(root, is_listed):
    rows = defaultdict(lambda: {"models": 0, "checker": 0, "load": 0, "shape": 0, "dB": []})
    for folder in sorted(p.parent for p in Path(root).glob("*/original.onnx")):
        try:
            expected = run(folder / "original.onnx", folder)
        except Exception:
            expected = None
        for file in sorted(folder.glob("*.onnx")):
            if file.stem == "original":
                continue
            row = rows[file.stem]
            row["models"] += 1
            refused = check(file)
            if refused is not None and check(folder / "original.onnx") is None:
                row["checker"] += 1
                if is_listed:
                    print(folder.name, file.stem, "checker:", refused[:300])
            if expected is None:
                continue
            try:
                found = run(file, folder)
            except Exception as e:
                row["load"] += 1
                if is_listed:
                    print(folder.name, file.stem, "run:", str(e)[:300])
                continue
            db = sqnr(expected, found)
            if db is None:
                row["shape"] += 1
            else:
                row["dB"].append(db)
            if is_listed and (db is None or db < 25):
                print(folder.name, file.stem, "SQNR:", db)
    print("| form | models | refused by onnx.checker | not run | other shapes or NaN | median SQNR, dB | lowest, dB |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for form, r in sorted(rows.items()):
        db = np.minimum(r["dB"], 200) if r["dB"] else [np.nan]
        cells = [form, r["models"], r["checker"], r["load"], r["shape"], f"{np.median(db):.1f}", f"{np.min(db):.1f}"]
        print("| " + " | ".join(str(c) for c in cells) + " |")
    return sum(r["checker"] + r["shape"] for r in rows.values())


sys.exit(1 if main(sys.argv[1], "--list" in sys.argv) else 0)
