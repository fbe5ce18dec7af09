/** What is known before the run: nodes of constants, shapes of static tensors, and what is computed twice. */
import { denseByteLength } from '../../../onnx/datatype.ts';
import type { Attribute, Node } from '../../../onnx/model.ts';
import type { KnownDims } from '../known-dims.ts';
import type { Draft } from '../runtime.ts';
import { elemTypeOfValue, hashOf } from '../values.ts';
import type { Value } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import { isConstant, removeUnused, staticDims } from './patterns.ts';

const random: ReadonlySet<string> = new Set([
  'RandomUniform',
  'RandomNormal',
  'RandomUniformLike',
  'RandomNormalLike',
  'Multinomial',
  'Bernoulli',
]);
/** Kept: providers have better use of the pair. */
const quantization: ReadonlySet<string> = new Set(['QuantizeLinear', 'DequantizeLinear']);

/** Nodes of constants become constants; so does the Shape of a tensor whose dims are numbers. Whether any did. */
export function foldConstants(editor: GraphEditor, known: KnownDims): boolean {
  let isFolded = false;
  for (const node of editor.nodes) {
    if (!editor.has(node)) continue;
    const isConstantOnly = node.inputs.every((v) => v === undefined || isConstant(v));
    if (!isConstantOnly && !isFoldedShape(node, known)) continue;
    if (node.source.bodies.length > 0 || random.has(node.opType) || quantization.has(node.opType)) continue;
    const key = keyOf(node, (v) => v.identity ?? v.slot);
    const folded = node.outputs.map((v, i) =>
      v ? constantLike(editor, v, key && `${key}.${i}`) : undefined,
    );
    if (folded.length === 0 || !folded.every((v, i) => v !== undefined || node.outputs[i] === undefined))
      continue;
    if (node.outputs.some((v) => v && editor.isPinned(v))) continue;
    node.outputs.forEach((v, i) => {
      const constant = folded[i];
      if (v && constant) editor.substitute(v, constant);
    });
    editor.remove(node);
    for (const v of node.inputs) removeUnused(editor, editor.maker(v));
    isFolded = true;
  }
  return isFolded;
}

/** In a subgraph the sizes are not known yet when it folds. */
function isFoldedShape({ opType, source, inputs }: Draft, known: KnownDims): boolean {
  const [v] = inputs;
  if (opType !== 'Shape' || v === undefined || source.depth > 0) return false;
  return known.get(v)?.every((d) => typeof d === 'number') === true;
}

/** Undefined where its size is not known before the run. */
function constantLike(editor: GraphEditor, v: Value, key: string | undefined): Value | undefined {
  const dims = staticDims(v);
  const dataType = elemTypeOfValue(v);
  const bytes = dims && denseByteLength(dataType, dims);
  if (bytes === undefined) return undefined;
  const count = dims?.reduce((n, d) => n * d, 1) ?? 0;
  const constant = { bytes, count, dims: dims ?? [], dataType, isDefault: false };
  const value = editor.values.make({
    name: v.name,
    kind: 'constant',
    type: v.type,
    constant,
    identity: key === undefined ? undefined : `=${hashOf(Array.from(key, (c) => c.charCodeAt(0)))}`,
    producer: undefined,
  });
  editor.addConstant(value);
  return value;
}

/**
 * The same operator with the same attributes on the same values is computed once. Two constants are the same where
 * they are shared, not where they hold the same: equal weights stay two.
 */
export function mergeEqualNodes(editor: GraphEditor): void {
  const seen = new Seen(editor);
  for (const node of editor.nodes) {
    if (node.source.bodies.length > 0 || random.has(node.opType) || node.inputs.length === 0) continue;
    const first = seen.equalTo(node);
    if (first === undefined) continue;
    if (node.outputs.some((v) => v && editor.isPinned(v))) continue;
    if (node.outputs.length !== first.outputs.length) continue;
    node.outputs.forEach((v, i) => {
      const kept = first.outputs[i];
      if (v && kept) editor.substitute(v, kept);
    });
    editor.change(first, { sources: [...first.sources, ...node.sources] });
    editor.remove(node);
  }
}

/** The nodes gone through so far. A node can only equal one that reads what it reads, and most values have one reader. */
class Seen {
  private readonly editor: GraphEditor;
  /** By index of the node: which it was, from 1 on. */
  private readonly turns: number[] = [];
  private turn = 0;
  private readonly ofConstants = new Map<string, Draft>();

  constructor(editor: GraphEditor) {
    this.editor = editor;
  }

  /** The first of those before that equals `node`, which is one of them from now on. */
  equalTo(node: Draft): Draft | undefined {
    this.turns[node.index] = ++this.turn;
    const value = node.inputs.find((v) => v && v.kind !== 'constant');
    if (value === undefined) return this.equalOfConstants(node);
    if (this.editor.readerCount(value) < 2) return undefined;
    let first: Draft | undefined;
    for (const other of this.editor.readersOf(value))
      if (other !== node && this.turnOf(other) < (first ? this.turnOf(first) : this.turn))
        if (areEqual(node, other)) first = other;
    return first;
  }

  private turnOf(node: Draft): number {
    return this.turns[node.index] ?? Infinity;
  }

  private equalOfConstants(node: Draft): Draft | undefined {
    const key = keyOf(node);
    const first = key === undefined ? undefined : this.ofConstants.get(key);
    if (first === undefined && key !== undefined) this.ofConstants.set(key, node);
    return first;
  }
}

function areEqual(a: Draft, b: Draft): boolean {
  if (a.opType !== b.opType || a.domain !== b.domain || a.inputs.length !== b.inputs.length) return false;
  for (let i = 0; i < a.inputs.length; i++) if (a.inputs[i] !== b.inputs[i]) return false;
  const attributes = attributesKey(a.node.attributes);
  return attributes !== undefined && attributes === attributesKey(b.node.attributes);
}

/** Undefined where an attribute cannot be compared by its text. */
function keyOf(n: Draft, ofInput: (v: Value) => string | number = (v) => v.slot): string | undefined {
  const attributes = attributesKey(n.node.attributes);
  if (attributes === undefined) return undefined;
  const inputs = n.inputs.map((v) => (v ? ofInput(v) : ''));
  return `${n.domain}:${n.opType}(${inputs.join()}){${attributes}}`;
}

/** Many nodes have one map of them. */
const attributeKeys = new WeakMap<Node['attributes'], string | null>();

function attributesKey(attributes: Node['attributes']): string | undefined {
  if (attributes.size === 0) return '';
  const known = attributeKeys.get(attributes);
  if (known !== undefined) return known ?? undefined;
  const keys = [...attributes.values()].map(attributeKey);
  const key = keys.every((k) => k !== undefined) ? keys.sort().join() : undefined;
  attributeKeys.set(attributes, key ?? null);
  return key;
}

function attributeKey(a: Attribute): string | undefined {
  switch (a.kind) {
    case 'int':
    case 'float':
    case 'string':
    case 'ints':
    case 'floats':
      return `${a.name}=${String(a.value)}`;
    default:
      return undefined;
  }
}
