/** A module made from text, with a memory of its own or one that threads share. */
import { assemble } from './assemble.ts';

export const PAGE_BYTES = 65536;
/** What 32-bit addresses reach: 4 GiB. Room for it is reserved, and nothing taken until it is written to. */
const MOST_PAGES = 65536;

/** What this room uses of WebAssembly; TypeScript declares it with the DOM only. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (
    module: object,
    imports?: object,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly Memory: new (limits: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: true;
  }) => ThreadsMemory;
}
interface Memory<B extends ArrayBufferLike> {
  /** Another one each time that the memory has grown; of a memory that threads share, the old ones stay valid. */
  readonly buffer: B;
  grow(pages: number): number;
}
/** A memory that threads share; it can be sent to them. */
export type ThreadsMemory = Memory<SharedArrayBuffer>;

const api = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;

export function threadsMemory(): ThreadsMemory {
  return new api.Memory({ initial: 1, maximum: MOST_PAGES, shared: true });
}

export class Instance<Name extends string> {
  readonly functions: { readonly [N in Name]: (...args: readonly number[]) => number };
  private readonly memory: Memory<ArrayBuffer>;

  /** @param memory takes the place of one of its own; `reserve` is not for it */
  constructor(text: string, memory?: ThreadsMemory) {
    const module = new api.Module(assemble(text, memory === undefined ? 'own' : MOST_PAGES));
    const { exports } = new api.Instance(module, { env: { memory } });
    this.functions = exports as typeof this.functions;
    this.memory = exports['memory'] as Memory<ArrayBuffer>;
  }

  /** The memory, of at least that many bytes. Views of an earlier buffer are void where it had to grow. */
  reserve(bytes: number): ArrayBuffer {
    const missing = bytes - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE_BYTES));
    return this.memory.buffer;
  }
}
