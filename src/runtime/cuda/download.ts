/** One file over HTTP, taken up again where it broke off. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { textOf } from '../data/numpy-file.ts';
import { RunnerError } from '../failure.ts';

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: ((done: number, total: number | undefined) => void) | undefined;
}

/** Far more than ONNX Runtime's GPU package: a server without end must not fill the disk. */
const maxFileBytes = 8 * 1024 ** 3;

/** What is already in `file` is kept, and the rest is asked for; a server that sends all again is taken at its word. */
export async function download(url: string, file: string, options: DownloadOptions = {}): Promise<void> {
  const { signal, onBytes } = options;
  const have = await stat(file).then(
    (s) => s.size,
    () => 0,
  );
  try {
    const headers = have > 0 ? { range: `bytes=${have}-` } : {};
    const response = await fetch(url, { signal: signal ?? null, headers });
    // nothing is left: what is there is whole, or not of this file, which the checksum tells
    if (response.status === 416 && have > 0) return;
    if (!response.ok || response.body === null) throw new Error(`HTTP status ${response.status}`);
    const isRest = response.status === 206;
    const length = Number(response.headers.get('content-length') ?? Number.NaN);
    let done = isRest ? have : 0;
    const total = Number.isFinite(length) ? done + length : undefined;
    const handle = await open(file, isRest ? 'a' : 'w');
    try {
      for await (const chunk of response.body) {
        const bytes = chunk as Uint8Array;
        done += bytes.length;
        if (done > maxFileBytes) throw new Error(`more than ${maxFileBytes} bytes came`);
        await handle.write(bytes);
        onBytes?.(done, total);
      }
    } finally {
      await handle.close();
    }
    if (total !== undefined && done < total) throw new Error(`it broke off after ${done} of ${total} bytes`);
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    throw new RunnerError(
      'ep',
      `The download from ${url} failed: ${textOf(cause)}. Try again: what came is kept and the rest is fetched.`,
      { cause },
    );
  }
}

/** Base64 of the file's SHA-512. */
export async function sha512Of(file: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha512');
  for await (const chunk of createReadStream(file, { signal, highWaterMark: 1024 ** 2 }))
    hash.update(chunk as Buffer);
  return hash.digest('base64');
}

/** @throws RunnerError 'ep' where the file is not what was promised; it stays where it is */
export async function verify(file: string, sha512: string, signal?: AbortSignal): Promise<void> {
  const found = await sha512Of(file, signal);
  // in base64 or hex
  if (found === sha512 || Buffer.from(found, 'base64').toString('hex') === sha512.toLowerCase()) return;
  throw new RunnerError(
    'ep',
    `${file} has the SHA-512 ${found}, not ${sha512}: it was changed or is damaged.`,
  );
}
