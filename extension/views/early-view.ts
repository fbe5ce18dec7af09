/** What the page shows while the figures are computed: all that the file itself says. */
import type { AnalyzedLayer } from '../../src/analysis/index.ts';
import type { EstimateView, LayerRow } from '../../src/protocol.ts';
import type { Shown } from '../session/shown.ts';
import { symbolView } from './estimate-view.ts';

/** Of a document without edits. */
export function earlyView({ snapshot: { base }, options, isDirty }: Shown): EstimateView {
  const { symbols, layers, weightBytesByType } = base.analysis();
  const sum = (key: 'bytes' | 'count'): number => weightBytesByType.reduce((total, w) => total + w[key], 0);
  return {
    isEarly: true,
    symbols: symbols.map((s) => symbolView(s, options.dims)),
    ep: options.ep,
    totals: {
      parameterCount: sum('count'),
      parameterBytes: sum('bytes'),
      deviceWeightsBytes: undefined,
      peakActivationBytes: undefined,
      workspaceBytes: undefined,
      overheadBytes: undefined,
      totalPeakBytes: undefined,
      notes: [],
      atLeast: false,
    },
    layers: layers.map(earlyRow),
    timeline: { aliveBytes: [], nodes: [], layerOfStep: [], peakStep: 0, peakBytes: 0, peakTensors: [] },
    edits: [],
    isDirty,
  };
}

/** Without the ids of the nodes, which are most of what would have to cross to the page. */
function earlyRow({ id, name, opType, outputType, parameterBytes }: AnalyzedLayer): LayerRow {
  return {
    id,
    name,
    opType,
    outputShape: '',
    outputType: outputType ?? '',
    parameterBytes,
    activationBytes: undefined,
    macs: undefined,
    canQuantize: false,
    canPrune: false,
  };
}
