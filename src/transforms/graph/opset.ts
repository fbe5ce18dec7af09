/**
 * Raises a model's ai.onnx opset up to 22 (DynamicQuantizeLinear needs 11, a scale per channel 13, blocks in
 * DequantizeLinear 21) where that changes nothing in what the model computes. Operators that moved attributes to inputs
 * are rewritten; those whose meaning changed block the raise by name (see opset-changes.ts).
 */
import type { Node, TensorRef } from '../../onnx/model.ts';
import { CHANGES, type Change } from './opset-changes.ts';
import type { Scope, Workspace } from './workspace.ts';

/** Below this, arithmetic operators broadcast by attributes. */
const LOWEST_OPSET = 7;
const HIGHEST_OPSET = 22;

/** Why the model's ai.onnx opset cannot become `version`; undefined where it can, or is already. */
export function blocksOpset(ws: Workspace, version: number): string | undefined {
  const current = ws.opsetVersion;
  if (current >= version) return undefined;
  if (version > HIGHEST_OPSET || current < LOWEST_OPSET)
    return `needs opset ${version}, the model has ${current}`;
  for (const entry of ws.entries) {
    const lost = changesOf(entry.original, current, version).find(
      (change) => change.convert === undefined || change.isLost?.(ws, entry) === true,
    );
    if (lost === undefined) continue;
    return `needs opset ${version}, the model has ${current}, and ${entry.original.opType} "${entry.id}" means something else from opset ${lost.since} on`;
  }
  if (ws.model.functions.some((f) => f.opsetImports.some((o) => o.domain === '' && o.version < version))) {
    return `needs opset ${version}, the model has ${current} and local functions of an older opset`;
  }
  return undefined;
}

/** Rewrites the nodes that the raise of the opset touches. Call once, after the last edit. */
export function ensureOpset(ws: Workspace): void {
  const from = ws.model.opsetImports.find((o) => o.domain === '')?.version ?? 0;
  if (ws.opsetVersion <= from) return;
  for (const entry of ws.entries) {
    const { opType } = entry.original;
    const changes = changesOf(entry.original, from, ws.opsetVersion);
    if (changes.length === 0) continue;
    const add = constantAdder(ws, entry.scope, entry.id);
    entry.nodes = entry.nodes.map((node) =>
      // also where an edit gave it other inputs
      node.opType === opType && node.domain === ''
        ? changes.reduce((made, { convert }) => convert?.(made, add) ?? made, node)
        : node,
    );
  }
}

/** What changed in the node's operator above opset `from`, up to `to`. */
function changesOf({ opType, domain }: Node, from: number, to: number): readonly Change[] {
  const changes = domain === '' ? CHANGES.get(opType) : undefined;
  return changes?.filter(({ since }) => since > from && since <= to) ?? [];
}

function constantAdder(ws: Workspace, scope: Scope, id: string) {
  return (suffix: string, tensor: TensorRef): string => {
    const name = ws.uniqueName(`${id}_${suffix}`);
    ws.addInitializer(scope, { ...tensor, name });
    return name;
  };
}
