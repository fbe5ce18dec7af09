/** Compares external data with the checksums that the model gives for them. */
import { createHash } from 'node:crypto';
import type { Model } from './model.ts';
import { allTensors } from './read/tensors.ts';
import { rangeChunks } from './tensor/stream.ts';

export interface ExternalChecksum {
  /** As the model names the file, relative to its folder. */
  readonly path: string;
  /** What tensors give for it, in lower case; more than one where they contradict each other. */
  readonly expected: readonly string[];
  /** SHA-1 of the whole file, in hex. */
  readonly actual: string;
  readonly ok: boolean;
}

export interface ChecksumOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { readonly fraction: number }) => void) | undefined;
}

/**
 * The SHA-1 of each external file that a tensor has a `checksum` for (onnx.proto, `external_data`: of the whole file).
 * Empty where the model gives none: ONNX's own writers leave it out.
 * @throws OnnxError kind 'external-data' where such a file is missing or refused
 */
export async function externalChecksums(
  model: Model,
  { signal, onProgress }: ChecksumOptions = {},
): Promise<readonly ExternalChecksum[]> {
  const expected = expectedChecksums(model);
  const files = await Promise.all(
    [...expected].map(async ([path, sums]) => ({
      path,
      expected: [...sums],
      source: await model.source.openExternal(path),
    })),
  );
  const total = files.reduce((sum, { source }) => sum + source.sizeBytes, 0);
  let done = 0;
  const found: ExternalChecksum[] = [];
  for (const file of files) {
    const hash = createHash('sha1');
    for await (const chunk of rangeChunks(
      file.source,
      { offset: 0, length: file.source.sizeBytes },
      { signal },
    )) {
      hash.update(chunk);
      done += chunk.length;
      onProgress?.({ fraction: done / total });
    }
    const actual = hash.digest('hex');
    const ok = file.expected.every((sum) => sum === actual);
    found.push({ path: file.path, expected: file.expected, actual, ok });
  }
  return found;
}

function expectedChecksums(model: Model): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const { location } of allTensors(model)) {
    if (location.kind !== 'external' || location.checksum === undefined) continue;
    const sums = found.get(location.path) ?? new Set<string>();
    found.set(location.path, sums.add(location.checksum.toLowerCase()));
  }
  return found;
}
