/** What the pool and its threads say to each other. */
import type { KernelName } from '../kernels/index.ts';
import type { ThreadsMemory } from '../wasm/instance.ts';

/** What a thread begins with. */
export interface Start {
  readonly memory: ThreadsMemory;
}

export interface Job {
  readonly id: number;
  readonly name: KernelName;
  readonly args: unknown;
}

export type Done =
  { readonly id: number; readonly result: unknown } | { readonly id: number; readonly error: string };
