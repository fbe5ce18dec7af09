/**
 * Writes a model: what an edit did not touch is copied byte for byte, new tensors are streamed, and the file appears
 * only when it is complete. Memory: the graph, and a few chunks.
 */
import { realpath } from 'node:fs/promises';
import nodePath from 'node:path';
import { systemError } from '../files/local.ts';
import { acceptStamp, refuseChanged } from '../files/stamps.ts';
import type { Model } from '../model.ts';
import type { StreamOptions } from '../tensor/stream.ts';
import { modelRope, refuseTooLarge } from '../write/model.ts';
import { ropeChunks } from './chunks.ts';
import { removeUnreferenced } from './obsolete.ts';
import { placeTensors } from './placement.ts';
import { planSave, type ExternalDataMode } from './plan.ts';
import { removeStaleFiles } from '../files/temporary.ts';
import type { OnProgress } from './progress.ts';
import { writeFiles } from './write-files.ts';

export interface SaveOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called as the bytes are written, `fraction` from 0 to 1. */
  readonly onProgress?: OnProgress | undefined;
  /** Where weights go; `auto` by default, see {@link ExternalDataMode}. */
  readonly externalData?: ExternalDataMode | undefined;
}

/**
 * Saves `model` at `path`, atomically: until the last moment the old file is there whole, and after an error, a cancel
 * or a crash it still is. The file's permissions stay. Where `path` is a link, the file it leads to is replaced.
 *
 * New external data go to a file of a name that was free (`model.onnx.data`, `model.onnx.2.data`); data files of the
 * model that is replaced are deleted if they are named after it and no model of the folder refers to them any more, but
 * not where the source itself is overwritten, as `model` may still be read from.
 *
 * @throws OnnxError kind 'changed' where the source is no longer what was opened, 'limit' beyond 2 GiB in one file,
 * 'io' where the disk is full or refuses; the signal's reason where it is aborted
 */
export async function saveModel(model: Model, path: string, options: SaveOptions = {}): Promise<void> {
  options.signal?.throwIfAborted();
  const target = await realpath(path).catch(() => nodePath.resolve(path));
  try {
    await removeStaleFiles(nodePath.dirname(target));
    await refuseChanged(model.source.file);
    const plan = await planSave(model, target, options.externalData ?? 'auto');
    await writeFiles(plan, options);
    if (plan.replacesSource) await acceptStamp(model.source.file);
    await removeUnreferenced(nodePath.dirname(target), plan.obsolete);
  } catch (error) {
    throw systemError(error, target, 'write');
  }
}

export interface ModelStreamOptions extends StreamOptions {
  /** External data stay where they are; else they become part of the stream. */
  readonly keepExternalData?: boolean | undefined;
}

/**
 * The bytes of the model as one .onnx file, for places where no file can be written: all weights inline, so that it
 * works wherever it goes. The source itself where nothing was changed.
 * @throws OnnxError kind 'limit' beyond 2 GiB
 */
export async function* modelStream(
  model: Model,
  options: ModelStreamOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const whole = options.keepExternalData === true ? model : placeTensors(model, '', () => 'inline').model;
  const rope = modelRope(whole);
  refuseTooLarge(rope, model.source.file.name);
  yield* ropeChunks(model, rope, options);
}
