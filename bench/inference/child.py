"""Opens a model, infers all shapes, and ends: child.py onnx|symbolic MODEL."""
import json
import sys

import onnx

model = onnx.load(sys.argv[2])
if sys.argv[1] == "onnx":
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
else:
    from onnxruntime.tools.symbolic_shape_infer import SymbolicShapeInference

    inferred = SymbolicShapeInference.infer_shapes(model, auto_merge=True)
print(json.dumps({"known": len(inferred.graph.value_info)}))
