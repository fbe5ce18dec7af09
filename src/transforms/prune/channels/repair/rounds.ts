/** In which order layers are repaired: after all that their input, and what is added behind them, depend on. */
import { isUnknown, sameDim } from '../../../../analysis/dim.ts';
import { subgraphs, type Node } from '../../../../onnx/model.ts';
import type { Trace } from '../trace.ts';
import type { Users } from './layer.ts';

export interface Turn {
  readonly round: number;
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

  constructor(trace: Trace, users: Users) {
    this.trace = trace;
    this.users = users;
  }

  /** Whether repair or removal before the node changes what it reads. */
  isChanged(node: Node): boolean {
    return node.inputs.some((name) => this.changed.has(name));
  }

  /** To be called for every node in the order in which they run, with the value that its repair, if any, settles. */
  visit(node: Node, isChanging: boolean, repaired: string | undefined): Turn | undefined {
    const before = node.inputs.flatMap((name) => this.changed.get(name) ?? []);
    const captured = subgraphs(node).length > 0 ? [...this.changed.values()] : [];
    const reached = [...before, ...captured].reduce((a, b) => Math.max(a, b), -1);
    const isDifferent = isChanging || before.length > 0 || captured.length > 0;
    const residual = repaired === undefined ? undefined : this.residualOf(repaired);
    const round = Math.max(reached, this.changed.get(residual?.other ?? '') ?? -1) + 1;
    for (const name of node.outputs) {
      this.seen.add(name);
      if (isDifferent || repaired !== undefined)
        this.changed.set(name, repaired === undefined ? reached : round);
    }
    return repaired === undefined ? undefined : { round, residual };
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
