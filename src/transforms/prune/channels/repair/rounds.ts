/** In which order layers are repaired: after all that their input, and what is added behind them, depend on. */
import { isUnknown, sameDim } from '../../../../analysis/dim.ts';
import { subgraphs, type Node } from '../../../../onnx/model.ts';
import type { Trace } from '../trace.ts';
import type { Users } from './layer.ts';

/**
 * Rounds of a graph are counted from 0; of a body, behind those of the graphs around it: layers in a branch of the node
 * that has round 2 are of rounds [2, 0], [2, 1], …
 */
export type Round = readonly number[];

export function compareRounds(a: Round, b: Round): number {
  const at = a.findIndex((n, i) => n !== b[i]);
  return at < 0 ? a.length - b.length : (a[at] ?? 0) - (b[at] ?? -1);
}

/** What a body is told of the graph around it. */
export interface AroundBody {
  readonly round: Round;
  /** Whether what the body is given differs from what it was. */
  readonly isChanged: (value: string) => boolean;
}

export interface Turn {
  readonly round: Round;
  /** A sum right behind the layer, whose other side is final by then: what it gives can be corrected as well. */
  readonly residual: Residual | undefined;
}

export interface Residual {
  readonly sum: string;
  readonly other: string;
}

export class Rounds {
  private readonly trace: Trace;
  private readonly users: Users;
  /** Values that are not what they were: the round after which they change no more; −1: no repair comes before. */
  private readonly changed = new Map<string, number>();
  private readonly seen = new Set<string>();
  private readonly around: AroundBody | undefined;
  /** Of nodes with bodies: the round that layers in there have to themselves. */
  private readonly holders = new Map<Node, number>();

  /** @param around undefined for the main graph */
  constructor(trace: Trace, users: Users, around: AroundBody | undefined) {
    this.trace = trace;
    this.users = users;
    this.around = around;
  }

  /** Whether repair or removal before the node changes what it reads. */
  isChanged(node: Node): boolean {
    return node.inputs.some((name) => this.isDifferent(name));
  }

  private isDifferent(value: string): boolean {
    return this.changed.has(value) || (!this.seen.has(value) && this.around?.isChanged(value) === true);
  }

  /** For the bodies of a node that was visited; those whose values are their own may name them as this graph does. */
  aroundBodies(node: Node): AroundBody {
    const round = [...(this.around?.round ?? []), this.holders.get(node) ?? 0];
    const isGiven = this.isChanged(node);
    const own = new Set(subgraphs(node).flatMap(({ graph }) => graph.inputs.map((i) => i.name)));
    return { round, isChanged: (value) => (own.has(value) ? isGiven : this.isDifferent(value)) };
  }

  /** To be called for every node in the order in which they run, with the value that its repair, if any, settles. */
  visit(node: Node, isChanging: boolean, repaired: string | undefined): Turn | undefined {
    const before = node.inputs.flatMap((name) => this.changed.get(name) ?? []);
    const isHolder = subgraphs(node).length > 0;
    const captured = isHolder ? [...this.changed.values()] : [];
    const last = [...before, ...captured].reduce((a, b) => Math.max(a, b), -1);
    const reached = isHolder ? last + 1 : last;
    if (isHolder) this.holders.set(node, reached);
    const isDifferent = isChanging || before.length > 0 || captured.length > 0;
    const residual = repaired === undefined ? undefined : this.residualOf(repaired);
    const round = Math.max(reached, this.changed.get(residual?.other ?? '') ?? -1) + 1;
    for (const name of node.outputs) {
      this.seen.add(name);
      if (isDifferent || repaired !== undefined)
        this.changed.set(name, repaired === undefined ? reached : round);
    }
    return repaired === undefined ? undefined : { round: [...(this.around?.round ?? []), round], residual };
  }

  private residualOf(value: string): Residual | undefined {
    const [add, ...others] = this.users(value);
    const [sum = ''] = add?.outputs ?? [];
    if (add?.opType !== 'Add' || add.domain !== '' || others.length > 0) return undefined;
    const other = add.inputs.find((name) => name !== value);
    if (
      other === undefined ||
      !this.seen.has(other) ||
      !this.isAlike(other, sum) ||
      !this.isAlike(value, sum)
    )
      return undefined;
    return { sum, other };
  }

  private isAlike(a: string, b: string): boolean {
    const [x, y] = [a, b].map((name) => this.trace.inference.main.values.get(name));
    if (x?.kind !== 'tensor' || y?.kind !== 'tensor' || isUnknown(x.shape) || isUnknown(y.shape))
      return false;
    const { shape } = y;
    return x.shape.length === shape.length && x.shape.every((d, k) => sameDim(d, shape[k] ?? 0));
  }
}
