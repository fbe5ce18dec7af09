/** Small questions that the rewriting steps ask of nodes and values. */
import { attributeFloat, attributeInts } from '../../../onnx/model.ts';
import { isUnknown } from '../../dim.ts';
import type { Draft } from '../runtime.ts';
import { dimsOfValue } from '../values.ts';
import type { Value } from '../values.ts';
import type { GraphEditor } from './editor.ts';

/** Where ONNX Runtime puts operators that it has laid out with the channels last, for providers that want that. */
export const channelsLastDomain = 'com.ms.internal.nhwc';

/** With the domain where it is not ONNX's own: `com.microsoft::Gelu`. */
export function qualifiedName({ domain, opType }: Draft): string {
  return domain === '' ? opType : `${domain}::${opType}`;
}

export function isOp(n: Draft | undefined, opType: string, domain = ''): boolean {
  return n?.opType === opType && n.domain === domain;
}

/** The node where it is of this operator. */
export function asOp(n: Draft | undefined, opType: string, domain = ''): Draft | undefined {
  return isOp(n, opType, domain) ? n : undefined;
}

/** A constant that nobody can replace. */
export function isConstant(v: Value | undefined): v is Value {
  return v?.kind === 'constant' && v.constant?.isDefault !== true;
}

/** The dims where all are numbers. */
export function staticDims(v: Value | undefined): readonly number[] | undefined {
  const dims = dimsOfValue(v);
  return dims?.every((d) => typeof d === 'number') ? dims : undefined;
}

/** The one number that a constant holds; undefined where it holds several or it is not known. */
export function scalarOf(v: Value | undefined): number | undefined {
  if (!isConstant(v) || v.type.kind !== 'tensor' || isUnknown(v.type.shape)) return undefined;
  if (!v.type.shape.every((d) => d === 1)) return undefined;
  const [only] = v.type.content ?? [];
  return typeof only === 'number' ? only : undefined;
}

export function isScalar(v: Value | undefined, expected: number): boolean {
  const found = scalarOf(v);
  return found !== undefined && Math.abs(found - expected) <= 1e-3 * Math.abs(expected);
}

/** Of a node of two inputs: the one that is not `value`; undefined where neither or both are. */
export function otherInput(n: Draft, value: Value | undefined): Value | undefined {
  const [a, b] = n.inputs;
  if (a === value && b !== value) return b;
  return b === value && a !== value ? a : undefined;
}

/** A node of two inputs as (computed, constant), whichever comes first. */
export function withConstant(n: Draft): readonly [data: Value, constant: Value] | undefined {
  const [a, b] = n.inputs;
  if (a && isConstant(b) && !isConstant(a)) return [a, b];
  return b && isConstant(a) && !isConstant(b) ? [b, a] : undefined;
}

/** The one reader of the node's first output, where it is of this operator. */
export function next(editor: GraphEditor, n: Draft, opType: string, domain = ''): Draft | undefined {
  return asOp(editor.soleReader(n.outputs[0]), opType, domain);
}

export function ints(n: Draft, name: string, size: number, fallback: number): readonly number[] {
  return attributeInts(n.node, name) ?? Array<number>(size).fill(fallback);
}

export function isHardSwish(n: Draft): boolean {
  return (
    Math.abs(attributeFloat(n.node, 'alpha', 0.2) - 1 / 6) < 1e-3 &&
    attributeFloat(n.node, 'beta', 0.5) === 0.5
  );
}

/** A node whose outputs nothing uses, with what only it needs. */
export function removeUnused(editor: GraphEditor, n: Draft | undefined): void {
  if (n === undefined || !editor.has(n) || n.outputs.some((v) => v && editor.usesOf(v) > 0)) return;
  editor.remove(n);
  for (const v of n.inputs) removeUnused(editor, editor.maker(v));
}
