"""The same loop as bare.ts in Python: bare.py MODEL INPUT DIMS RUNS."""
import json, re, sys, time
import numpy as np
import onnxruntime as ort

model, name, dims, runs = sys.argv[1:]
dims = [int(d) for d in dims.split(",")]


def status(key):
    text = open("/proc/self/status").read()
    return int(re.search(key + r":\s+(\d+) kB", text).group(1)) * 1024


before = status("VmRSS")
open("/proc/self/clear_refs", "w").write("5")
session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
times = []
for i in range(int(runs) + 1):
    data = np.random.rand(*dims).astype(np.float32)
    start = time.perf_counter()
    session.run(None, {name: data})
    if i > 0:
        times.append((time.perf_counter() - start) * 1000)
times.sort()
print(json.dumps({"p50Ms": times[len(times) // 2], "growthBytes": status("VmHWM") - before}))
