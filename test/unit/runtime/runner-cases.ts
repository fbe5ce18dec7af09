/** What the tests of checks share: the models, a request, and what is expected of its failure. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { RunnerError, type CheckRequest, type FailureKind } from '../../../src/runtime/index.ts';
import { TestFolder } from './numpy-files.ts';
import { models, samples } from './worker-bundle.ts';

export const cnn = path.join(samples, 'fmnist_cnn.onnx');
export const mobres = path.join(models, 'fmnist_mobres.onnx');
export const cnnWithNorm = path.join(models, 'fmnist_cnn_bn.onnx');
export const labelled = path.join(samples, 'fmnist-test-2000.npz');

export const request = (more: Partial<CheckRequest> = {}): CheckRequest => ({
  original: cnn,
  compressed: cnnWithNorm,
  ep: 'cpu',
  batchSizes: [1],
  data: { kind: 'random', seed: 0, samples: 8 },
  dims: {},
  optimization: 'all',
  ...more,
});

export const isError = (kind: FailureKind, pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RunnerError, String(error));
  assert.equal(error.kind, kind, error.message);
  assert.match(error.message, pattern);
  return true;
};

/** A temporary folder of its own for each `describe`, so that others' files are not counted. */
export class Temporary {
  constructor() {
    const folder = new TestFolder();
    const { TMPDIR, TEMP } = process.env;
    before(() => Object.assign(process.env, { TMPDIR: folder.path, TEMP: folder.path }));
    after(() => {
      for (const [name, value] of Object.entries({ TMPDIR, TEMP })) {
        if (value === undefined) Reflect.deleteProperty(process.env, name);
        else process.env[name] = value;
      }
    });
  }

  list(): Promise<string[]> {
    return readdir(tmpdir());
  }
}

/** Sizes that take seconds in one run, so that there is time to interrupt it. */
export const slow: Partial<CheckRequest> = {
  batchSizes: [1024],
  data: { kind: 'random', seed: 0, samples: 8192 },
};

/** Resolves with the first word from the child's runs. */
export function firstProgress(): { heard: Promise<void>; onProgress: () => void } {
  let onProgress = (): void => undefined;
  const heard = new Promise<void>((resolve) => (onProgress = resolve));
  return { heard, onProgress };
}
