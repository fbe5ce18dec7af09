/** What commands answer with --json, as far as the tests look at it. */
export interface Estimate {
  file: string;
  opset: number;
  dims: Record<string, number>;
  ep: string;
  parameterBytes: number;
  peakActivationBytes: number;
  totalPeakBytes: number;
  heldPeakBytes: number;
  nodes: {
    name: string;
    opType: string;
    parameterBytes: number;
    activationBytes: number | null;
    outputShape: number[];
  }[];
  layers: { name: string; nodes: string[]; parameterBytes: number; activationBytes: number | null }[];
  unknown: { node: string; reason: string }[];
}

export interface Transformed {
  fileBytes: { before: number; after: number };
  parameterBytes: { before: number; after: number };
  changes: { node: string; status: string; beforeBytes: number; afterBytes: number }[];
  warnings: { code: string; message: string }[];
}

/** Many processes, each of which loads ONNX Runtime: long on a busy machine. */
export const long = 60_000;
