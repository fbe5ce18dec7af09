/** A file as it was read, and what is known of it before any edit. */
import { analyze, type Analysis } from '../../src/analysis/index.ts';
import type { Model } from '../../src/onnx/index.ts';
import { applicability, type NodeApplicability } from '../../src/transforms/index.ts';
import { lazy } from './lazy.ts';

export class Base {
  readonly model: Model;
  /** Size and modification time when it was opened: tells a change on disk. */
  readonly stamp: string;
  readonly analysis: () => Analysis;
  /** What can be done to each node, by node id. */
  readonly applicability: () => ReadonlyMap<string, NodeApplicability>;
  #successor: Base | undefined;

  constructor(model: Model, stamp: string) {
    this.model = model;
    this.stamp = stamp;
    this.analysis = lazy(() => analyze(model));
    this.applicability = lazy(() => applicability(model));
  }

  get sizeBytes(): number {
    return this.model.source.file.sizeBytes;
  }

  /** The same file as it was read last: a file that another program wrote anew is read anew. */
  get latest(): Base {
    return this.#successor?.latest ?? this;
  }

  replaceBy(next: Base): void {
    this.#successor = next;
  }

  close(): Promise<void> {
    return this.model.source.close();
  }
}
