/**
 * What a save writes: the model's file, and the files of external data beside it.
 *
 * A saved model works where it is saved. External data of the source are referred to only where the source itself is
 * overwritten; elsewhere they are copied: under their own names beside an unchanged model (which so stays the same byte
 * for byte), else all into one file named after the new model.
 */
import { stat } from 'node:fs/promises';
import nodePath from 'node:path';
import type { Model, TensorRef } from '../model.ts';
import { isPristine, modelRope, refuseTooLarge } from '../write/model.ts';
import { MAX_MESSAGE_BYTES } from '../limits.ts';
import { ParsedRange } from '../pristine.ts';
import { Rope } from '../write/rope.ts';
import {
  byteLength,
  dataNames,
  dataRope,
  EXTERNAL_THRESHOLD_BYTES,
  placeTensors,
  type Place,
} from './placement.ts';
import { externalPaths, ownDataFiles } from './obsolete.ts';

/**
 * - `auto`: as the source has it: beside the model if it has external data, else inline, unless that makes 2 GiB
 * - `keep`: what is external stays so, all else is inline
 * - `always`: every initializer and Constant of 1 KiB and more goes beside the model
 * - `inline`: one file
 */
export type ExternalDataMode = 'auto' | 'keep' | 'always' | 'inline';

export interface FileToWrite {
  readonly path: string;
  readonly rope: Rope;
}

export interface SavePlan {
  /** To stream the ropes' tensors from. */
  readonly model: Model;
  /** In the order of writing; the model's own file is the last. */
  readonly files: readonly FileToWrite[];
  /** Names of data files of the model that is replaced; to be deleted if nothing refers to them afterwards. */
  readonly obsolete: readonly string[];
  /** The model's file takes the place of the file that the model was opened from. */
  readonly replacesSource: boolean;
}

export async function planSave(model: Model, path: string, mode: ExternalDataMode): Promise<SavePlan> {
  const { localPath } = model.source.file;
  const isSource = localPath !== undefined && (await isSameFile(localPath, path));
  const isSameFolder =
    localPath !== undefined && (await isSameFile(nodePath.dirname(localPath), nodePath.dirname(path)));
  // the source may still be read from, as may what shares its data
  const obsolete = isSource ? [] : await ownDataFiles(path);
  const common = { model, obsolete, replacesSource: isSource };
  if (isPristine(model) && (mode === 'auto' || mode === 'keep')) {
    const copies = isSameFolder ? [] : await companionFiles(model, path);
    if (copies !== undefined) return { ...common, files: [...copies, { path, rope: modelRope(model) }] };
  }
  let placed = await place(model, path, chooser(model, mode, isSource));
  let rope = modelRope(placed.model);
  if (rope.length > MAX_MESSAGE_BYTES && mode === 'auto') {
    placed = await place(model, path, chooser(model, 'always', isSource));
    rope = modelRope(placed.model);
  }
  refuseTooLarge(rope, path);
  return { ...common, files: [...placed.files, { path, rope }] };
}

type Choose = (tensor: TensorRef) => Place;

function chooser(model: Model, mode: ExternalDataMode, isSource: boolean): Choose {
  const isLarge = (tensor: TensorRef) => byteLength(tensor) >= EXTERNAL_THRESHOLD_BYTES;
  const isExternal = (tensor: TensorRef) => tensor.location.kind === 'external';
  const isNew = (tensor: TensorRef) => ParsedRange.of(tensor, model.source.file) === undefined;
  switch (mode) {
    case 'inline':
      return () => 'inline';
    case 'always':
      return (tensor) => (isExternal(tensor) || isLarge(tensor) ? 'beside' : 'as-is');
    case 'keep':
      return (tensor) => (isExternal(tensor) && !isSource ? 'beside' : 'as-is');
    case 'auto': {
      const hasExternal = externalPaths(model).size > 0;
      return (tensor) => {
        if (isExternal(tensor)) return isSource ? 'as-is' : 'beside';
        return hasExternal && isNew(tensor) && isLarge(tensor) ? 'beside' : 'as-is';
      };
    }
  }
}

async function place(
  model: Model,
  path: string,
  choose: Choose,
): Promise<{ model: Model; files: FileToWrite[] }> {
  const dataName = await freeName(path, dataNames(path));
  const placed = placeTensors(model, dataName, choose);
  if (placed.beside.length === 0) return { model: placed.model, files: [] };
  const data = { path: nodePath.join(nodePath.dirname(path), dataName), rope: await dataRope(model, placed) };
  return { model: placed.model, files: [data] };
}

/** A name that no file has: data of the old model are in use until the new one is in its place. */
async function freeName(path: string, names: (generation: number) => string): Promise<string> {
  for (let generation = 1; ; generation++) {
    const name = names(generation);
    if (!(await exists(nodePath.join(nodePath.dirname(path), name)))) return name;
  }
}

/** Copies of the source's external files for another folder; undefined where other files have their names there. */
async function companionFiles(model: Model, path: string): Promise<FileToWrite[] | undefined> {
  const files: FileToWrite[] = [];
  for (const name of externalPaths(model)) {
    const target = nodePath.join(nodePath.dirname(path), name);
    if (await exists(target)) return undefined;
    const source = await model.source.openExternal(name);
    const rope = new Rope();
    rope.copy({ source, offset: 0, length: source.sizeBytes });
    files.push({ path: target, rope });
  }
  return files;
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all(
    [a, b].map((path) => stat(path, { bigint: true }).catch(() => undefined)),
  );
  return first !== undefined && second !== undefined && first.dev === second.dev && first.ino === second.ino;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
