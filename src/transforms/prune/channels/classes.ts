/**
 * Which indices of which dims stand or fall together. Every index of every dim of a constant is an atom; an operator
 * that ties two dims (a residual Add, a Concat's part, a weight and what it multiplies) unites their atoms index by
 * index. What is one class in the end must be removed together, or not at all: the groups of DepGraph (Fang et al.,
 * CVPR 2023), index by index instead of dim by dim, so that Concat, Split, Reshape and grouped Conv need no case of
 * their own.
 */

/** Why something cannot be removed: the node that stands in the way (where there is one), and what it does. */
export interface Blocker {
  /** Node id in the model as given. */
  readonly node: string | undefined;
  readonly reason: string;
}

export class Classes {
  private parent = new Int32Array(1024);
  private count = 0;
  private readonly blockers = new Map<number, Blocker>();
  private readonly approximations = new Map<number, Blocker>();

  get size(): number {
    return this.count;
  }

  /** `n` atoms of a class each. */
  fresh(n: number): Int32Array {
    const from = this.count;
    this.count += n;
    if (this.count > this.parent.length) {
      const grown = new Int32Array(Math.max(2 * this.parent.length, this.count));
      grown.set(this.parent);
      this.parent = grown;
    }
    const atoms = new Int32Array(n);
    for (let i = 0; i < n; i++) {
      this.parent[from + i] = from + i;
      atoms[i] = from + i;
    }
    return atoms;
  }

  find(atom: number): number {
    let at = atom;
    for (;;) {
      const up = this.parent[at] ?? at;
      if (up === at) return at;
      const above = this.parent[up] ?? up;
      this.parent[at] = above;
      at = above;
    }
  }

  unite(a: number, b: number): void {
    const [x, y] = [this.find(a), this.find(b)];
    if (x === y) return;
    // the lower one stays: order follows the file
    const [root, child] = x < y ? [x, y] : [y, x];
    this.parent[child] = root;
    for (const marks of [this.blockers, this.approximations]) {
      const mark = marks.get(root) ?? marks.get(child);
      if (mark !== undefined) marks.set(root, mark);
      marks.delete(child);
    }
  }

  /** The first blocker stays. */
  block(atoms: Iterable<number>, blocker: Blocker): void {
    this.mark(this.blockers, atoms, blocker);
  }

  /** Without these, what the node gives for the others changes a little; the first reason stays. */
  approximate(atoms: Iterable<number>, reason: Blocker): void {
    this.mark(this.approximations, atoms, reason);
  }

  private mark(marks: Map<number, Blocker>, atoms: Iterable<number>, mark: Blocker): void {
    for (const atom of atoms) {
      const root = this.find(atom);
      if (!marks.has(root)) marks.set(root, mark);
    }
  }

  approximationOf(atom: number): Blocker | undefined {
    return this.approximations.get(this.find(atom));
  }

  blockerOf(atom: number): Blocker | undefined {
    return this.blockers.get(this.find(atom));
  }
}
