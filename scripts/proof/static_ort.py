"""ONNX Runtime's quantize_static as its documents advise: pre-processed, then calibrated and quantized.

    python static_ort.py IN.onnx OUT.onnx SETTINGS      SETTINGS: JSON, see main
    python static_ort.py random OUT.npz SETTINGS        calibration data: {"input": name, "dims": [n, …], "seed": 1}
"""

import json
import os
import sys
import tempfile

import numpy


def random_data(target, s):
    data = numpy.random.default_rng(s["seed"]).uniform(-1, 1, s["dims"]).astype(numpy.float32)
    numpy.savez(target, **{s["input"]: data})


def main(source, target, s):
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType
    from onnxruntime.quantization import quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self):
            data = numpy.load(s["data"])[s["input"]][: s["samples"]]
            size = s["batch"]
            self.batches = iter([data[i : i + size] for i in range(0, len(data), size)])

        def get_next(self):
            batch = next(self.batches, None)
            return None if batch is None else {s["input"]: batch}

    types = {"uint8": QuantType.QUInt8, "int8": QuantType.QInt8}
    methods = {
        "minmax": CalibrationMethod.MinMax,
        "entropy": CalibrationMethod.Entropy,
        "percentile": CalibrationMethod.Percentile,
    }
    with tempfile.TemporaryDirectory() as folder:
        prepared = os.path.join(folder, "prepared.onnx")
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            target,
            Reader(),
            quant_format=QuantFormat.QOperator if s["format"] == "qoperator" else QuantFormat.QDQ,
            activation_type=types[s["activationType"]],
            weight_type=types[s["weightType"]],
            per_channel=s["granularity"] == "per-channel",
            calibrate_method=methods[s["range"]],
            extra_options={"ActivationSymmetric": s["isSymmetric"]},
        )


if __name__ == "__main__":
    first, second, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    if first == "random":
        random_data(second, settings)
    else:
        main(first, second, settings)
