/** Looks at a model's external files when it is opened: are they there, long enough, and allowed. */
import { tensorByteLength } from '../datatype.ts';
import { OnnxError } from '../errors.ts';
import { MAX_EXTERNAL_FILES_CHECKED, MAX_SMALL_EXTERNAL_READS, SMALL_TENSOR_BYTES } from '../limits.ts';
import { DataType, type Model, type ModelWarning, type TensorRef } from '../model.ts';
import { readTensor, tooShort } from '../tensor/stream.ts';

interface CheckOptions {
  readonly signal?: AbortSignal | undefined;
  readonly allowMissingExternalData?: boolean | undefined;
}

/**
 * Also reads the small tensors that the parser could not: shapes and axes in external data.
 * @throws OnnxError kind 'external-data' for the first that cannot be read, unless missing ones are allowed
 */
export async function checkExternalData(
  model: Model,
  unreadTensors: readonly TensorRef[],
  options: CheckOptions,
): Promise<ModelWarning[]> {
  const files = new ExternalFiles(model);
  const warnings: ModelWarning[] = [];
  const unreadable = new Set<string>();
  let smallReads = 0;
  for (const tensor of unreadTensors) {
    const { location } = tensor;
    if (location.kind === 'inline') continue;
    if (location.kind === 'external') {
      if (unreadable.has(location.path)) continue;
      // without an await where the file is known: there may be ten thousand tensors in it
      const size = files.sizeOf(location.path) ?? (await files.open(location.path, options.signal));
      if (size === Number.POSITIVE_INFINITY) continue;
      const problem = size instanceof OnnxError ? size : tooShort(model, tensor, size);
      if (problem !== undefined) {
        if (options.allowMissingExternalData !== true) throw problem;
        unreadable.add(location.path);
        warnings.push({ kind: 'external-data-missing', message: problem.message });
        continue;
      }
    }
    if (isWorthReading(tensor) && smallReads++ < MAX_SMALL_EXTERNAL_READS) await readSmall(model, tensor);
  }
  return warnings;
}

/** Sizes of the files that tensors lie in, each opened once. */
class ExternalFiles {
  private readonly model: Model;
  private readonly sizes = new Map<string, number | OnnxError>();

  constructor(model: Model) {
    this.model = model;
  }

  /** What is known of the file: its size, or why it cannot be read; of files beyond the limit, that they are endless. */
  sizeOf(path: string): number | OnnxError | undefined {
    const size = this.sizes.get(path);
    return size === undefined && this.sizes.size >= MAX_EXTERNAL_FILES_CHECKED
      ? Number.POSITIVE_INFINITY
      : size;
  }

  async open(path: string, signal: AbortSignal | undefined): Promise<number | OnnxError> {
    signal?.throwIfAborted();
    const size = await this.model.source.openExternal(path).then(
      (file) => file.sizeBytes,
      (error: unknown) => {
        if (error instanceof OnnxError) return error;
        throw error;
      },
    );
    this.sizes.set(path, size);
    return size;
  }
}

function isWorthReading(tensor: TensorRef): boolean {
  return tensor.dataType !== DataType.string && tensorByteLength(tensor) <= SMALL_TENSOR_BYTES;
}

/** Completes the tensor, which nobody but this room has seen yet. */
async function readSmall(model: Model, tensor: TensorRef): Promise<void> {
  try {
    const smallData = await readTensor(model, tensor);
    (tensor as { smallData?: Uint8Array }).smallData = smallData;
  } catch (error) {
    // data that do not fit the shape: a warning of the model says so
    if (!(error instanceof OnnxError) || error.kind !== 'malformed') throw error;
  }
}
