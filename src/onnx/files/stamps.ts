/** Which states of a file a model may be taken from: the one it was opened in, and those this process saved. */
import { OnnxError } from '../errors.ts';
import type { ByteSource } from '../source.ts';

const accepted = new WeakMap<ByteSource, Set<string>>();

/** The file as it is now is the one meant. */
export async function acceptStamp(source: ByteSource): Promise<void> {
  const stamp = await source.stamp?.();
  if (stamp === undefined) return;
  const stamps = accepted.get(source);
  if (stamps === undefined) accepted.set(source, new Set([stamp]));
  else stamps.add(stamp);
}

/** @throws OnnxError kind 'changed' where the file is no longer the one that was opened */
export async function refuseChanged(source: ByteSource): Promise<void> {
  const stamps = accepted.get(source);
  if (stamps === undefined) return;
  const stamp = await source.stamp?.();
  if (stamp !== undefined && stamps.has(stamp)) return;
  const what = stamp === undefined ? 'was deleted or moved' : 'changed on disk';
  throw new OnnxError('changed', `the file ${what} since it was opened; open it again`, {
    file: source.name,
  });
}
