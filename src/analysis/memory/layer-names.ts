/**
 * What a person calls a layer: the path of modules in the node's name, as exporters write it, else the operator and
 * the name of its output.
 *
 *     /encoder/layer.3/attention/self/query/MatMul   encoder/layer.3/attention/self/query
 *     /features/features.0/features.0.0/Conv         features.0.0
 *     (none), Conv → conv2d_3.tmp_0                  Conv conv2d_3.tmp_0
 */
import type { ExecutedNode } from './program.ts';

export function layerName({ id, node }: Pick<ExecutedNode, 'id' | 'node'>): string {
  const { name, opType } = node;
  if (name === '') return `${opType} ${node.outputs.find((o) => o !== '') ?? id}`;
  const parts = name.split('/').filter((p) => p !== '');
  const last = parts.at(-1);
  // what the exporter adds for the operator says nothing that the operator's column does not
  if (parts.length > 1 && last !== undefined && isOperatorPart(last, opType)) parts.pop();
  return modulePath(parts) || name;
}

/** The module that the node's name places it in, as written there; undefined at the top, or without names. */
export function moduleOf({ node }: Pick<ExecutedNode, 'node'>): string | undefined {
  const at = node.name.lastIndexOf('/');
  return at > 0 ? node.name.slice(0, at) : undefined;
}

/** `Conv`, `Conv_12`; and as quantizing names it: `Conv_quant`, `Gemm_MatMul_quant`. */
function isOperatorPart(part: string, opType: string): boolean {
  const operator = opType.replace(/Integer$/, '');
  const own = part.replace(/_quant$/, '').replace(/^Gemm_(?=MatMul$)/, '');
  return own === operator || (own.startsWith(`${operator}_`) && /^\d+$/.test(own.slice(operator.length + 1)));
}

/** `a/a.0/a.0.1` is `a.0.1`: each module's name repeats its parent's. */
function modulePath(parts: readonly string[]): string {
  const kept: string[] = [];
  for (const part of parts) {
    const above = kept.at(-1);
    if (above !== undefined && part.startsWith(`${above}.`)) kept.pop();
    kept.push(part);
  }
  return kept.join('/');
}
