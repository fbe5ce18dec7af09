/** What a person should know of a model beside its figures. */
import type { Model } from '../../onnx/model.ts';
import type { ModelInference } from '../inference.ts';
import { findRule } from '../shapes/registry.ts';
import type { Diagnostic } from '../types.ts';
import type { ExecutedNode, Program } from './program.ts';
import type { Value } from './values.ts';

export function diagnose(
  model: Model,
  inference: ModelInference,
  program: Program,
  weightsOf: ReadonlyMap<ExecutedNode, readonly Value[]>,
): Diagnostic[] {
  return [
    ...model.warnings.map(({ kind, message, node }): Diagnostic => ({
      severity: 'warning',
      code: kind,
      message,
      node,
    })),
    ...inference.diagnostics,
    ...outOfOrder(model, inference),
    ...unknownOperators(program),
    ...unusedConstants(program, weightsOf),
    ...defaults(program),
  ];
}

/** Loaded all the same by ONNX Runtime; the checker refuses it. */
function outOfOrder(model: Model, { main }: ModelInference): Diagnostic[] {
  if (main.order === model.graph.nodes || model.warnings.some((w) => w.kind === 'nodes-out-of-order'))
    return [];
  const moved = main.order.filter((n, i) => n !== model.graph.nodes[i]).length;
  if (moved === 0) return [];
  const message = `nodes are not in topological order: ${moved} stand elsewhere than where they run`;
  return [{ severity: 'warning', code: 'nodes-out-of-order', message }];
}

/** One for each operator, at its first node. */
function unknownOperators(program: Program): Diagnostic[] {
  const first = new Map<string, { node: ExecutedNode; count: number }>();
  for (const n of program.nodes) {
    if (findRule(n.node.domain, n.node.opType, n.version)) continue;
    const name = n.node.domain === '' ? n.node.opType : `${n.node.domain}::${n.node.opType}`;
    const entry = first.get(name) ?? { node: n, count: 0 };
    entry.count++;
    first.set(name, entry);
  }
  return [...first].map(([name, { node, count }]) => ({
    severity: 'warning',
    code: 'unknown-operator',
    message: `${name} is not known: the shapes after it are taken from the file where it declares them (${count} ${count === 1 ? 'node' : 'nodes'})`,
    node: node.id,
  }));
}

function unusedConstants(
  { main, constants }: Program,
  weightsOf: ReadonlyMap<ExecutedNode, readonly Value[]>,
): Diagnostic[] {
  const used = new Set<Value | undefined>([...main.outputs, ...[...weightsOf.values()].flat()]);
  const unused = constants.filter((v) => !used.has(v));
  if (unused.length === 0) return [];
  const bytes = unused.reduce((sum, v) => sum + (v.constant?.bytes ?? 0), 0);
  const names = unused.slice(0, 3).map((v) => v.name);
  const message = `${unused.length} constants of ${bytes} bytes are used by no node: ${names.join(', ')}${unused.length > 3 ? ', …' : ''}`;
  return [{ severity: 'info', code: 'unused-initializer', message }];
}

/** Initializers that the caller may replace. */
function defaults({ main }: Program): Diagnostic[] {
  const found = main.constants.filter((v) => v.constant?.isDefault);
  if (found.length === 0) return [];
  const message = `${found.length} initializers are graph inputs, too: the caller may replace them, so they are neither folded nor packed`;
  return [{ severity: 'info', code: 'initializer-is-input', message }];
}
