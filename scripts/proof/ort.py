"""One job of ONNX Runtime's own Python tools, as a user would call them. Prints time and peak memory as JSON.

    python ort.py FORM IN.onnx OUT.onnx [SETTINGS]      SETTINGS: JSON, see JOBS
"""

import json
import resource
import sys
import time


def with_initializers(source):
    """The model with the tensors of Constant nodes as initializers: the tools look for weights nowhere else."""
    import onnx

    def move(graph):
        for node in list(graph.node):
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    move(attribute.g)
            if node.op_type != "Constant" or node.attribute[0].name != "value":
                continue
            tensor = graph.initializer.add()
            tensor.CopyFrom(node.attribute[0].t)
            tensor.name = node.output[0]
            graph.node.remove(node)

    model = onnx.load(source)
    move(model.graph)
    moved = source.rsplit("/", 1)[-1] + ".moved.onnx"
    path = f"{sys.argv[3]}.{moved}"
    onnx.save(model, path)
    return path


def dynamic_int8(source, target, s):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        source,
        target,
        per_channel=s.get("perChannel", False),
        reduce_range=s.get("reduceRange", False),
        weight_type=QuantType.QUInt8 if s.get("weightType") == "uint8" else QuantType.QInt8,
        op_types_to_quantize=s.get("opTypes"),
        use_external_data_format=s.get("externalData", False),
        extra_options={"DefaultTensorType": 1, "ForceQuantizeNoInputCheck": True},
    )


def blocks(source, target, s):
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    tool = MatMulNBitsQuantizer(
        source,
        bits=s["bits"],
        block_size=s["blockSize"],
        is_symmetric=s.get("isSymmetric", False),
        accuracy_level=s.get("accuracyLevel"),
    )
    tool.process()
    tool.model.save_model_to_file(target, s.get("externalData", False))


def float16(source, target, s):
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    converted = convert_float_to_float16(onnx.load(source), keep_io_types=True)
    onnx.save(converted, target, save_as_external_data=s.get("externalData", False))


def static_int8(source, target, s):
    import numpy
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType
    from onnxruntime.quantization import quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            data = numpy.load(s["data"])["input"]
            size = s.get("batch", 32)
            self.batches = iter([data[i : i + size] for i in range(0, len(data), size)])

        def get_next(self):
            batch = next(self.batches, None)
            return None if batch is None else {s["input"]: batch}

    quantize_static(
        source,
        target,
        Reader(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8 if s.get("activationType") == "uint8" else QuantType.QInt8,
        weight_type=QuantType.QInt8,
        per_channel=s.get("perChannel", False),
        calibrate_method=CalibrationMethod.MinMax,
    )


JOBS = {"dynamic-int8": dynamic_int8, "blocks": blocks, "float16": float16, "static-int8": static_int8}

if __name__ == "__main__":
    form, source, target = sys.argv[1:4]
    settings = json.loads(sys.argv[4]) if len(sys.argv) > 4 else {}
    if settings.get("moveConstants"):
        source = with_initializers(source)
    start = time.monotonic()
    JOBS[form](source, target, settings)
    seconds = time.monotonic() - start
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime
    print(json.dumps({"seconds": seconds, "cpuSeconds": cpu, "peakBytes": usage.ru_maxrss * 1024}))
