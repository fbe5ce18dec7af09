/**
 * ONNX Runtime's CUDA and TensorRT libraries, which its npm package leaves out as too large: fetched from a NuGet feed
 * or taken from a file, checked, and put into a folder of the caller's (never the extension's own).
 *
 *     const installed = await installCuda({ folder, ort, from: { feed: defaultFeed } }, { onProgress });
 *     new Runner({ workerPath, ortFolder: installed.ortFolder });
 *
 * ONNX Runtime loads `libonnxruntime_providers_*.so` only from the folder that its own library lies in. So the folder
 * gets a copy of the npm package `onnxruntime-node` (hard links where the disk allows) with the libraries beside it,
 * and the child process loads that one. CUDA itself and cuDNN are the system's.
 *
 * Names and version are those of onnxruntime-node's own script/install-metadata.js.
 */
import { constants, createWriteStream } from 'node:fs';
import { copyFile, link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openPromise } from 'yauzl';
import { textOf } from '../data/numpy-file.ts';
import { RunnerError } from '../failure.ts';
import type { Progress } from '../types.ts';
import { download, verify } from './download.ts';
import { findPackage } from './feed.ts';

const packageName = 'Microsoft.ML.OnnxRuntime.Gpu.Linux';
const platform = 'linux-x64';
const inPackage = 'runtimes/linux-x64/native/';
const libraries = [
  'libonnxruntime_providers_shared.so',
  'libonnxruntime_providers_cuda.so',
  'libonnxruntime_providers_tensorrt.so',
] as const;
const manifest = 'installed.json';

export interface CudaInstallRequest {
  /** Made where it is not there; everything in it belongs to the installation. */
  readonly folder: string;
  /** The folder of the package `onnxruntime-node` whose libraries these are. */
  readonly ort: string;
  readonly from:
    | {
        readonly feed: string;
        /** Base64 or hex, for feeds that tell none. */ readonly sha512?: string | undefined;
      }
    /** A .nupkg (or any zip that holds the libraries at NuGet's places). */
    | { readonly file: string; readonly sha512?: string | undefined };
}

export interface CudaInstallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface CudaInstallation {
  /** For {@link RunnerOptions.ortFolder}. */
  readonly ortFolder: string;
  readonly version: string;
  readonly bytes: number;
}

/** Why CUDA cannot be installed on `here`, and what to use in its place; undefined where it can. */
export function unsupportedPlatform(here: string): string | undefined {
  if (here === platform) return undefined;
  const [system = ''] = here.split('-');
  const instead =
    { win32: 'DirectML (dml) or WebGPU', darwin: 'CoreML or WebGPU' }[system] ?? 'WebGPU or the CPU';
  return `CUDA is not supported on ${here}: ONNX Runtime for Node.js has its files for ${platform} only. Use ${instead}.`;
}

/**
 * The caller has asked the person before. A download that broke off is taken up again by the next call.
 * @throws RunnerError 'ep' where the platform has no such files, the feed or the file is not what it should be; the
 * signal's reason where it is aborted
 */
export async function installCuda(
  request: CudaInstallRequest,
  { signal, onProgress }: CudaInstallOptions = {},
): Promise<CudaInstallation> {
  const refusal = unsupportedPlatform(`${process.platform}-${process.arch}`);
  if (refusal !== undefined) throw new RunnerError('ep', refusal);
  const version = await versionOf(request.ort);
  await mkdir(request.folder, { recursive: true });
  const say = (fraction: number, message: string) => onProgress?.({ fraction, message });
  const archive = await fetchArchive(request, version, { signal, say });
  const ortFolder = path.join(request.folder, 'node_modules', 'onnxruntime-node');
  await rm(path.join(request.folder, manifest), { force: true });
  await copyOrt(request.ort, ortFolder, signal);
  const bytes = await extract(archive, nativeFolder(ortFolder), { signal, say });
  if ('feed' in request.from) await rm(archive, { force: true });
  const installation: CudaInstallation = { ortFolder, version, bytes };
  // the last file says that all others are there
  await writeFile(path.join(request.folder, manifest), JSON.stringify({ version, bytes }));
  say(1, `ONNX Runtime ${version} with CUDA is installed`);
  return installation;
}

/** What is installed there and fits this version of `onnxruntime-node`; undefined where nothing does. */
export async function cudaInstallation(folder: string, ort: string): Promise<CudaInstallation | undefined> {
  const text = await readFile(path.join(folder, manifest), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { version, bytes } = JSON.parse(text) as Pick<CudaInstallation, 'version' | 'bytes'>;
  if (version !== (await versionOf(ort))) return undefined;
  return { ortFolder: path.join(folder, 'node_modules', 'onnxruntime-node'), version, bytes };
}

export async function removeCuda(folder: string): Promise<void> {
  for (const name of ['node_modules', manifest])
    await rm(path.join(folder, name), { recursive: true, force: true });
  for (const name of await readdir(folder).catch(() => [])) {
    if (name.endsWith('.part')) await rm(path.join(folder, name), { force: true });
  }
}

interface Step {
  readonly signal: AbortSignal | undefined;
  readonly say: (fraction: number, message: string) => void;
}

async function fetchArchive(
  { folder, from }: CudaInstallRequest,
  version: string,
  { signal, say }: Step,
): Promise<string> {
  if ('file' in from) {
    say(0, 'checking the file');
    if (from.sha512 !== undefined) await verify(from.file, from.sha512, signal);
    return from.file;
  }
  say(0, 'asking the feed');
  const found = await findPackage(from.feed, packageName, version, signal);
  const sha512 = from.sha512 ?? found.sha512;
  if (sha512 === undefined) {
    throw new RunnerError(
      'ep',
      `The feed ${from.feed} tells no SHA-512 of ${packageName} ${version}. Give one.`,
    );
  }
  const part = path.join(folder, `${packageName}.${version}.part`);
  await download(found.url, part, {
    signal,
    onBytes: (done, total) =>
      say(
        total === undefined ? 0.1 : (0.8 * done) / total,
        `${mebibytes(done)} of ${total === undefined ? 'unknown' : mebibytes(total)}`,
      ),
  });
  say(0.8, 'checking the SHA-512');
  await verify(part, sha512, signal).catch(async (error: unknown) => {
    // else the next try would go on from it
    if (error instanceof RunnerError) await rm(part, { force: true });
    throw error;
  });
  return part;
}

/** The files that are needed, beside ONNX Runtime's own library. Each appears when it is whole. */
async function extract(archive: string, folder: string, { signal, say }: Step): Promise<number> {
  const wanted = new Map<string, string>(libraries.map((name) => [inPackage + name, name]));
  let bytes = 0;
  try {
    const zip = await openPromise(archive, { lazyEntries: true, autoClose: false });
    try {
      for await (const entry of zip.eachEntry()) {
        const name = wanted.get(entry.fileName);
        if (name === undefined) continue;
        say(0.85, `unpacking ${name}`);
        const target = path.join(folder, name);
        const stream = await zip.openReadStreamPromise(entry);
        await pipeline(stream, createWriteStream(`${target}.part`), { signal });
        await rename(`${target}.part`, target);
        bytes += entry.uncompressedSize;
        wanted.delete(entry.fileName);
      }
    } finally {
      zip.close();
    }
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    throw new RunnerError('ep', `${path.basename(archive)} cannot be unpacked: ${textOf(cause)}.`, { cause });
  }
  // TensorRT's is not in every package, and CUDA works without it
  const missing = [...wanted.values()].filter((n) => !n.includes('tensorrt'));
  if (missing.length > 0) {
    throw new RunnerError('ep', `${path.basename(archive)} does not hold ${inPackage}${missing.join(', ')}.`);
  }
  return bytes;
}

/** The package's code and this platform's library, and `onnxruntime-common`, which it needs. */
async function copyOrt(from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
  await rm(path.dirname(to), { recursive: true, force: true });
  await copyTree(path.join(from, 'dist'), path.join(to, 'dist'), signal);
  await copyTree(nativeFolder(from), nativeFolder(to), signal);
  await copyFile(path.join(from, 'package.json'), path.join(to, 'package.json'));
  const common = 'onnxruntime-common';
  const nested = path.join(from, 'node_modules', common);
  const source = (await exists(nested)) ? nested : path.join(path.dirname(from), common);
  await copyTree(source, path.join(path.dirname(to), common), signal);
}

function nativeFolder(ort: string): string {
  return path.join(ort, 'bin', 'napi-v6', process.platform, process.arch);
}

async function copyTree(from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [a, b] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(a, b, signal);
    else await link(a, b).catch(() => copyFile(a, b, constants.COPYFILE_FICLONE));
  }
}

async function versionOf(ort: string): Promise<string> {
  const { version } = JSON.parse(await readFile(path.join(ort, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(0)} MiB`;
}
