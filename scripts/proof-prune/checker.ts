/** Pruned models, collected in a folder and handed to `onnx.checker` where PYTHON names an interpreter that has it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { saveModel, type Model, type Value } from '../../src/onnx/index.ts';

export class Checker {
  private readonly python: string | undefined;
  private folder: string | undefined;
  private count = 0;

  constructor(python: string | undefined) {
    this.python = python;
  }

  /** @param shapes of its outputs, for models that do not declare them, which onnx.checker would refuse for that */
  async add(model: Model, shapes: readonly (readonly number[])[] = []): Promise<void> {
    if (this.python === undefined) return;
    this.folder ??= await mkdtemp(path.join(tmpdir(), 'vram-lens-checker-'));
    await saveModel(
      declared(model, shapes),
      path.join(this.folder, `${String(this.count++).padStart(5, '0')}.onnx`),
    );
  }

  /**
   * How many of those added since the last time it took, of how many; see check.py.
   * @throws where it refuses one
   */
  async finish(): Promise<string> {
    const { python, folder } = this;
    if (python === undefined || folder === undefined) return '–';
    try {
      const script = path.join(import.meta.dirname, 'check.py');
      return (await promisify(execFile)(python, [script, folder])).stdout.trim();
    } finally {
      await rm(folder, { recursive: true });
      [this.folder, this.count] = [undefined, 0];
    }
  }
}

function declared(model: Model, shapes: readonly (readonly number[])[]): Model {
  const outputs = model.graph.outputs.map((value, i): Value => {
    const { type } = value;
    const shape = shapes[i]?.map((size) => ({ kind: 'size', size }) as const);
    if (type?.kind !== 'tensor' || type.shape !== undefined || shape === undefined) return value;
    return { ...value, type: { ...type, shape, range: undefined }, range: undefined };
  });
  return { ...model, graph: { ...model.graph, outputs, range: undefined }, range: undefined };
}
