/** A file as it was read, and what is known of it before any edit. */
import { analyze, type Analysis } from '../../src/analysis/index.ts';
import type { Model } from '../../src/onnx/index.ts';
import {
  applicability,
  writtenOut,
  type NodeApplicability,
  type Recipe,
} from '../../src/transforms/index.ts';
import { lazy } from './lazy.ts';

export class Base {
  readonly model: Model;
  readonly analysis: () => Analysis;
  /** What can be done to each node, by node id. */
  readonly applicability: () => ReadonlyMap<string, NodeApplicability>;
  /** Of the file without local functions, where the edits of a recipe start from that. */
  #writtenOut: Base | undefined;

  constructor(model: Model) {
    this.model = model;
    this.analysis = lazy(() => analyze(model));
    this.applicability = lazy(() => applicability(model));
  }

  /** What the recipe's edits of layers start from: this, or the same with its local functions written out. */
  under(recipe: Recipe): Base {
    const model = writtenOut(this.model, recipe);
    if (model === this.model) return this;
    return (this.#writtenOut ??= new Base(model));
  }

  get sizeBytes(): number {
    return this.model.source.file.sizeBytes;
  }

  close(): Promise<void> {
    return this.model.source.close();
  }
}
