/** Rows for tests of the page's lists. */
import type { LayerRow } from '../../../src/protocol.ts';

export function row(name: string, over: Partial<LayerRow> = {}): LayerRow {
  return {
    id: name,
    name,
    opType: 'MatMul',
    outputShape: '1 × 8',
    outputType: 'float32',
    parameterBytes: 0,
    activationBytes: 32,
    macs: 0,
    canQuantize: false,
    canPrune: false,
    ...over,
  };
}
