/** The extension host as the page reaches it, and what becomes of a call that fails: a message a person sees. */
import type { HostApi } from '../../src/protocol.ts';
import { type TextKey, t } from '../l10n/index.ts';
import { notices, pending } from './store.ts';

let remote: HostApi | undefined;

export function connect(api: HostApi): void {
  remote = api;
}

/** @throws Error before `connect`, which is a mistake of the page. */
export function host(): HostApi {
  if (remote === undefined) throw new Error('The page is not connected to its host.');
  return remote;
}

/** Runs a call; counts it as pending; a failure is shown under `what` and gives undefined. */
export async function ask<T>(what: TextKey, call: (host: HostApi) => Promise<T>): Promise<T | undefined> {
  pending.value++;
  try {
    return await call(host());
  } catch (error) {
    complain(what, error);
    return undefined;
  } finally {
    pending.value--;
  }
}

let nextNotice = 1;

export function complain(what: TextKey, error: unknown): void {
  addNotice('error', `${t(what)}: ${messageOf(error)}`);
}

export function addNotice(kind: 'error' | 'info', text: string): void {
  const same = notices.peek().filter((n) => n.text !== text);
  notices.value = [...same.slice(-2), { id: nextNotice++, kind, text }];
}

export function dismissNotice(id: number): void {
  notices.value = notices.peek().filter((n) => n.id !== id);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
