"""onnx.checker, with shape inference, on the models of a folder: `python check.py FOLDER`. Needs onnx.

Prints how many it took of how many, the others having operators of ONNX Runtime that it does not know; the first that it
refuses for another reason ends it with that.
"""

import sys
from pathlib import Path

import onnx

taken = 0
files = sorted(Path(sys.argv[1]).glob("*.onnx"))
for file in files:
    try:
        onnx.checker.check_model(str(file), full_check=True)
        taken += 1
    except Exception as error:
        if "No Op registered" not in str(error):
            sys.exit(f"{file.name}: {error}")
print(f"{taken} of {len(files)}")
