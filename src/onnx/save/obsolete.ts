/** Data files of a model that another one replaces: deleted when nobody refers to them any more. */
import { readdir, unlink } from 'node:fs/promises';
import nodePath from 'node:path';
import type { Model } from '../model.ts';
import { openModel } from '../open.ts';
import { allTensors } from '../read/tensors.ts';

/** Models of the folder that are asked whether they share the data; with more of them the data stay. */
const MAX_MODELS_ASKED = 500;

/** Paths of external data as the model gives them. */
export function externalPaths(model: Pick<Model, 'graph' | 'functions'>): Set<string> {
  const paths = new Set<string>();
  for (const { location } of allTensors(model)) if (location.kind === 'external') paths.add(location.path);
  return paths;
}

/** Data files that the model at `path` refers to and that are named after it: not one that was put there by others. */
export async function ownDataFiles(path: string): Promise<readonly string[]> {
  const base = nodePath.basename(path);
  return [...(await referredBy(path))].filter((name) => {
    const rest = name.startsWith(base) ? name.slice(base.length) : '';
    return /^(\.\d+)?\.data$/.test(rest);
  });
}

/** Deletes those of `names` in `folder` that no model there refers to: a copy of the old one may share its data. */
export async function removeUnreferenced(folder: string, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const models = (await readdir(folder)).filter((name) => /\.onnx$/i.test(name));
  if (models.length > MAX_MODELS_ASKED) return;
  const unreferenced = new Set(names);
  for (const model of models) {
    for (const name of await referredBy(nodePath.join(folder, model))) unreferenced.delete(name);
  }
  for (const name of unreferenced) await unlink(nodePath.join(folder, name)).catch(() => undefined);
}

/** None where there is no model. */
async function referredBy(path: string): Promise<ReadonlySet<string>> {
  try {
    const model = await openModel(path, { allowMissingExternalData: true });
    await model.source.close();
    return externalPaths(model);
  } catch {
    return new Set();
  }
}
