/** A file as it was read, and what is known of it before any edit. */
import { analyze, type Analysis } from '../../src/analysis/index.ts';
import type { Model } from '../../src/onnx/index.ts';
import { applicability, type NodeApplicability } from '../../src/transforms/index.ts';
import { lazy } from './lazy.ts';

export class Base {
  readonly model: Model;
  readonly analysis: () => Analysis;
  /** What can be done to each node, by node id. */
  readonly applicability: () => ReadonlyMap<string, NodeApplicability>;

  constructor(model: Model) {
    this.model = model;
    this.analysis = lazy(() => analyze(model));
    this.applicability = lazy(() => applicability(model));
  }

  get sizeBytes(): number {
    return this.model.source.file.sizeBytes;
  }

  close(): Promise<void> {
    return this.model.source.close();
  }
}
