/**
 * Where a NuGet v3 feed keeps a package, and what its SHA-512 is.
 * See https://learn.microsoft.com/en-us/nuget/api/overview and …/api/registration-base-url-resource
 */
import { RunnerError } from '../failure.ts';
import { textOf } from '../data/numpy-file.ts';

/** NuGet's own feed, which onnxruntime-node's script uses. */
export const defaultFeed = 'https://api.nuget.org/v3/index.json';

export interface FeedPackage {
  readonly url: string;
  /** Base64, as NuGet writes it; undefined where the feed tells none. */
  readonly sha512: string | undefined;
}

interface ServiceIndex {
  readonly resources?: readonly { readonly '@id'?: string; readonly '@type'?: string }[];
}
interface Registration {
  readonly catalogEntry?: string | CatalogEntry;
}
interface CatalogEntry {
  readonly packageHash?: string;
  readonly packageHashAlgorithm?: string;
}

/** An answer in JSON is no larger. */
const maxJsonBytes = 16 * 1024 ** 2;

/** @param index URL of the feed's service index, e.g. https://…/v3/index.json */
export async function findPackage(
  index: string,
  name: string,
  version: string,
  signal?: AbortSignal,
): Promise<FeedPackage> {
  const service = (await json(index, signal)) as ServiceIndex;
  const resource = (type: string): string | undefined =>
    service.resources?.find((r) => r['@type']?.startsWith(type) === true)?.['@id']?.replace(/\/?$/, '/');
  const base = resource('PackageBaseAddress/');
  if (base === undefined) throw failed(index, 'it names no PackageBaseAddress, so it is no NuGet v3 feed');
  const [id, at] = [name.toLowerCase(), version.toLowerCase()];
  const url = new URL(`${id}/${at}/${id}.${at}.nupkg`, new URL(base, index)).href;
  const registrations = resource('RegistrationsBaseUrl/3.6') ?? resource('RegistrationsBaseUrl');
  return {
    url,
    sha512:
      registrations === undefined
        ? undefined
        : await packageHash(new URL(`${id}/${at}.json`, new URL(registrations, index)).href, signal),
  };
}

async function packageHash(url: string, signal?: AbortSignal): Promise<string | undefined> {
  const { catalogEntry } = (await json(url, signal)) as Registration;
  const entry =
    typeof catalogEntry === 'string' ? ((await json(catalogEntry, signal)) as CatalogEntry) : catalogEntry;
  return entry?.packageHashAlgorithm?.toUpperCase() === 'SHA512' ? entry.packageHash : undefined;
}

async function json(url: string, signal?: AbortSignal): Promise<unknown> {
  try {
    const response = await fetch(url, { signal: signal ?? null });
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    const text = await response.text();
    if (text.length > maxJsonBytes) throw new Error(`an answer of ${text.length} bytes`);
    return JSON.parse(text);
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    throw failed(url, textOf(cause), cause);
  }
}

function failed(url: string, why: string, cause?: unknown): RunnerError {
  return new RunnerError('ep', `The feed cannot be read at ${url}: ${why}. Give another feed, or a file.`, {
    cause,
  });
}
