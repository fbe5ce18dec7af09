/** The bytes of each weight that a line names. */
import { l10n } from 'vscode';
import { formatBytes, formatShape } from '../../../src/format.ts';
import { dataTypeName, tensorByteLength } from '../../../src/onnx/index.ts';
import type { Side } from '../../text/text-uri.ts';
import type { Shown } from '../shown.ts';
import { sideView } from './side.ts';

export interface WeightNote {
  readonly bytes: string;
  readonly tooltip: string;
}

/** By name; those that are no weights are left out. Subgraphs may name their own alike; the main graph's are nearly all. */
export function weightNotes(
  shown: Shown,
  side: Side,
  names: readonly string[],
): ReadonlyMap<string, WeightNote> {
  const { initializers } = sideView(shown, side).analysis.model.graph;
  return new Map(
    names.flatMap((name) => {
      const tensor = initializers.get(name);
      if (tensor === undefined) return [];
      const bytes = formatBytes(tensorByteLength(tensor));
      const tooltip = l10n.t('Weight of {0}, {1}', dataTypeName(tensor.dataType), formatShape(tensor.dims));
      return [[name, { bytes, tooltip }] as const];
    }),
  );
}
