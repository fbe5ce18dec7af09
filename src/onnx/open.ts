/** Opens a model: its graph is read, its weights stay where they are. */
import nodePath from 'node:path';
import { OnnxError } from './errors.ts';
import { openLocalFile } from './files/local.ts';
import { ModelFiles, type OpenSibling } from './files/external.ts';
import { acceptStamp } from './files/stamps.ts';
import { removeStaleFiles } from './files/temporary.ts';
import type { Model, ModelWarning } from './model.ts';
import { checkExternalData } from './read/check-external.ts';
import { readModel, type Progress } from './read/model.ts';
import { refuseOtherFormats } from './read/sniff.ts';
import { inspectModel } from './read/inspect.ts';
import type { ByteSource } from './source.ts';
import { Cursor } from './wire/cursor.ts';
import { drive } from './wire/drive.ts';

export interface OpenOptions {
  readonly signal?: AbortSignal | undefined;
  /** Look at the graph even where external data are missing: warnings say which, and reading them throws. */
  readonly allowMissingExternalData?: boolean | undefined;
  /** Opens external data of a model that is not on the local disk; the path is relative and goes down only. */
  readonly openExternal?: OpenSibling | undefined;
}

/**
 * @param from a local path, or a source of bytes, which the model then owns: `model.source.close()` closes it
 * @throws OnnxError 'not-onnx', 'truncated', 'malformed', 'limit', 'external-data', 'io'
 */
export async function openModel(from: string | ByteSource, options: OpenOptions = {}): Promise<Model> {
  const file = typeof from === 'string' ? await openLocalFile(from) : from;
  // what a save that was killed left beside the model
  if (typeof from === 'string') await removeStaleFiles(nodePath.dirname(from));
  try {
    return await readFrom(file, options);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readFrom(file: ByteSource, options: OpenOptions): Promise<Model> {
  const { signal } = options;
  signal?.throwIfAborted();
  await acceptStamp(file);
  await refuseOtherFormats(file);
  const source = new ModelFiles(file, options.openExternal);
  const warnings: ModelWarning[] = [];
  const cursor = new Cursor(file);
  const progress: Progress = { knownFields: 0 };
  try {
    const parser = readModel(cursor, progress, (parsed): Model => ({ ...parsed, source, warnings }));
    const model = await drive(cursor, parser, signal);
    warnings.push(...inspectModel(model, cursor));
    warnings.push(...(await checkExternalData(model, cursor.unreadTensors, options)));
    return model;
  } catch (error) {
    await source.close();
    throw progress.knownFields === 0 ? neverWasOne(error, file) : error;
  }
}

/** Nonsense from the first field on: not a broken model, but something else. */
function neverWasOne(error: unknown, file: ByteSource): unknown {
  if (!(error instanceof OnnxError) || (error.kind !== 'malformed' && error.kind !== 'truncated'))
    return error;
  return new OnnxError('not-onnx', 'not an ONNX file', { file: file.name, cause: error });
}
