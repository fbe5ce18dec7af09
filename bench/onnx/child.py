"""The same measurement for Python's onnx: `python child.py ACTION FILE [OUTPUT]`."""

import json
import os
import resource
import sys
import time

import numpy as np
import onnx
from onnx import numpy_helper

action, file, *rest = sys.argv[1:]
start = time.perf_counter()
if action == "open":
    onnx.load(file)
elif action == "open-graph":
    onnx.load(file, load_external_data=False)
else:
    model = onnx.load(file)
    tensor = model.graph.initializer[3]
    value = np.ones(tuple(tensor.dims), np.float32)
    tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    onnx.save(model, rest[0])
    handle = os.open(rest[0], os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
ms = (time.perf_counter() - start) * 1000
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"ms": ms, "peakBytes": peak, "version": onnx.__version__}))
