/** The dims that a run is given beside its batch size, and which symbols are the batch. */
import type { OnnxDocument } from '../document/onnx-document.ts';

export function otherDims(document: OnnxDocument): {
  readonly dims: Readonly<Record<string, number>>;
  readonly batchSymbols: readonly string[];
} {
  const batch = document.batchSymbols;
  const others = Object.entries(document.options.dims).filter(([name]) => !batch.includes(name));
  return { dims: Object.fromEntries(others), batchSymbols: batch };
}
