/** The layers of the changed model under the ids of the original, with what the recipe does to each. */
import type { LayerMemory, MemoryEstimate, NodeMemory } from '../../src/analysis/index.ts';
import type { Edit, LayerChange } from '../../src/transforms/index.ts';
import type { Shown } from '../session/shown.ts';
import type { Snapshot } from '../session/snapshot.ts';

export interface LayerState {
  /** Id of the original's layer where it stands for one, else its own. */
  readonly id: string;
  readonly name: string;
  /** Node ids of the changed model. */
  readonly nodes: readonly string[];
  readonly opType: string;
  readonly parameterBytes: number;
  readonly activationBytes: number | undefined;
  readonly macs: number | undefined;
  readonly outputShape: readonly (number | null)[] | undefined;
  readonly outputType: string | undefined;
  /** The layer of the original at the same dims; undefined for what an edit added. */
  readonly before: LayerMemory | undefined;
  readonly changes: readonly LayerChange[];
}

/** In the order of the changed model. */
export function layerStates(document: Shown): LayerState[] {
  return layersOf(document.snapshot, document.estimate, document.estimateBefore);
}

/**
 * The changed model's nodes, gathered by the original's layer for which they stand: an analysis of the changed model
 * on its own may group them in another way (the node that quantizes an activation goes with what made it).
 */
export function layersOf(snapshot: Snapshot, after: MemoryEstimate, before: MemoryEstimate): LayerState[] {
  const map = snapshot.layers();
  const originals = new Map(before.layers.map((l) => [l.id, l]));
  const own = new Map(after.layers.flatMap((l) => l.nodes.map((id) => [id, l] as const)));
  const groups = new Map<string, NodeMemory[]>();
  for (const node of after.nodes) {
    const id = map.layerId(node.id) ?? own.get(node.id)?.id ?? node.id;
    const group = groups.get(id);
    if (group === undefined) groups.set(id, [node]);
    else group.push(node);
  }
  const rows = [...groups].map(([id, nodes]): LayerState => {
    const original = originals.get(id);
    const layer = own.get(nodes[0]?.id ?? '');
    const name = original?.name ?? layer?.name ?? id;
    return {
      id,
      name,
      ...sums(nodes, original),
      before: original,
      changes: noteworthy(snapshot, map.changes(id)),
    };
  });
  return withGone(rows, before.layers, (id) => noteworthy(snapshot, map.changes(id)));
}

/** With a row for each layer that an edit removed, behind the layer before it: there it can be taken back. */
function withGone(
  rows: readonly LayerState[],
  originals: readonly LayerMemory[],
  changesOf: (id: string) => readonly LayerChange[],
): LayerState[] {
  const found = [...rows];
  let at = 0;
  for (const before of originals) {
    const place = found.findIndex((row) => row.id === before.id);
    if (place >= 0) at = place + 1;
    else {
      const changes = changesOf(before.id);
      if (changes.some((c) => c.status === 'applied'))
        found.splice(at++, 0, { ...NOTHING, ...names(before), before, changes });
    }
  }
  return found;
}

const NOTHING = {
  ...{ nodes: [], parameterBytes: 0, activationBytes: 0, macs: 0 },
  ...{ outputShape: undefined, outputType: undefined },
};

function names({ id, name, opType }: LayerMemory): Pick<LayerState, 'id' | 'name' | 'opType'> {
  return { id, name, opType };
}

type Sums = Omit<LayerState, 'id' | 'name' | 'before' | 'changes'>;

/** Shape and type are those of the last node, which gives the output; the operator is the one with the weights. */
function sums(nodes: readonly NodeMemory[], original: LayerMemory | undefined): Sums {
  const last = nodes.at(-1);
  const main = nodes.reduce((a, b) => (b.parameterBytes > a.parameterBytes ? b : a));
  const isUnchanged =
    original?.nodes.length === nodes.length && nodes.some((n) => n.opType === original.opType);
  return {
    nodes: nodes.map((n) => n.id),
    opType: isUnchanged ? original.opType : main.opType,
    parameterBytes: nodes.reduce((total, n) => total + n.parameterBytes, 0),
    activationBytes: sum(nodes.map((n) => n.activationBytes)),
    macs: sum(nodes.map((n) => n.macs)),
    outputShape: last?.outputShape,
    outputType: last?.outputType,
  };
}

/** Without what an edit of all layers leaves alone because there is no weight in it: a product of activations. */
function noteworthy({ recipe }: Snapshot, changes: readonly LayerChange[]): readonly LayerChange[] {
  return changes.filter((c) => isNoteworthy(c, recipe.edits[c.edit]));
}

export function isNoteworthy(change: LayerChange, edit: Edit | undefined): boolean {
  if (edit === undefined || edit.type === 'clean') return false;
  return change.status === 'applied' || 'nodes' in edit.layers || change.beforeBytes > 0;
}

/** Undefined where a term is. */
export function sum(terms: readonly (number | undefined)[]): number | undefined {
  let total = 0;
  for (const term of terms) {
    if (term === undefined) return undefined;
    total += term;
  }
  return total;
}
