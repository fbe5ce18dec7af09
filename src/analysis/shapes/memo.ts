/**
 * What rules gave, to be given again: the layers of a model repeat, and a rule that sees the same gives the same. Only
 * what rules found of their inputs and attributes alone is kept, not what they asked of the graph around.
 */
import type { Node } from '../../onnx/model.ts';
import type { InferredType } from '../inference.ts';
import { StoredTensor } from './content.ts';
import type { NodeContext } from './context.ts';
import { sameType } from './reuse.ts';

type Inputs = readonly (InferredType | undefined)[];

interface Entry {
  readonly node: Node;
  readonly version: number;
  readonly inputs: Inputs;
  /** Inputs whose elements the rule looked at, as bits. */
  readonly contents: number;
  readonly results: readonly InferredType[];
}

/** Entries of one operator; a model has few kinds of layers, and to look through many costs more than the rule. */
const MAX_ENTRIES = 12;

export class RuleMemo {
  private readonly entries = new Map<string, Entry[]>();

  /** What the operator's rule gave at a node that cannot be told from this one. */
  find(node: Node, version: number, inputs: Inputs): readonly InferredType[] | undefined {
    const entries = this.entries.get(node.opType);
    if (entries === undefined) return undefined;
    // results that were given again are the same objects, and so mostly are the inputs
    for (const same of [sameObjects, sameInputs])
      for (const e of entries)
        if (e.version === version && sameNode(e.node, node) && same(e, inputs)) return e.results;
    return undefined;
  }

  keep(context: NodeContext, inputs: Inputs, results: readonly InferredType[]): void {
    const { node, version, contents } = context;
    if (!context.sawOnlyInputs) return;
    const entry: Entry = { node, version, inputs, contents, results };
    const entries = this.entries.get(node.opType);
    if (entries === undefined) this.entries.set(node.opType, [entry]);
    else if (entries.unshift(entry) > MAX_ENTRIES) entries.pop();
  }
}

/** Attributes that are the same are mostly one map (`AttributeSet`). */
function sameNode(a: Node, b: Node): boolean {
  if (a.attributes !== b.attributes && (a.attributes.size > 0 || b.attributes.size > 0)) return false;
  if (a.domain !== b.domain || a.outputs.length !== b.outputs.length) return false;
  for (let i = 0; i < a.outputs.length; i++)
    if ((a.outputs[i] === '') !== (b.outputs[i] === '')) return false;
  return true;
}

function sameObjects({ inputs, contents }: Entry, others: Inputs): boolean {
  if (inputs.length !== others.length) return false;
  for (let i = 0; i < inputs.length; i++)
    if (inputs[i] !== others[i] && !sameUnread(inputs[i], others[i], contents, i)) return false;
  return true;
}

function sameInputs({ inputs, contents }: Entry, others: Inputs): boolean {
  if (inputs.length !== others.length) return false;
  for (let i = 0; i < inputs.length; i++)
    if (!sameUnread(inputs[i], others[i], contents, i) && !sameType(inputs[i], others[i])) return false;
  return true;
}

/** Stored tensors of one form, whose elements the rule did not look at. */
function sameUnread(a: Inputs[0], b: Inputs[0], contents: number, i: number): boolean {
  if (!(a instanceof StoredTensor) || !(b instanceof StoredTensor) || (contents & (1 << (i & 31))) !== 0)
    return false;
  if (a.elemType !== b.elemType || a.shape.length !== b.shape.length) return false;
  for (let k = 0; k < a.shape.length; k++) if (a.shape[k] !== b.shape[k]) return false;
  return true;
}
