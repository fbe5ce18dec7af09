"""onnx.checker, with shape inference, on the models of a folder: `python check.py FOLDER`. Needs onnx.

Prints how many it took; the first that it refuses ends it with the reason.
"""

import sys
from pathlib import Path

import onnx

files = sorted(Path(sys.argv[1]).glob("*.onnx"))
for file in files:
    try:
        onnx.checker.check_model(str(file), full_check=True)
    except Exception as error:
        sys.exit(f"{file.name}: {error}")
print(len(files))
