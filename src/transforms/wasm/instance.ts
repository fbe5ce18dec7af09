/** A module made from text, with its one memory. */
import { assemble } from './assemble.ts';

const PAGE_BYTES = 65536;

/** What this room uses of WebAssembly; TypeScript declares it with the DOM only. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> };
}
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

export class Instance<Name extends string> {
  readonly functions: { readonly [N in Name]: (...args: readonly number[]) => number };
  private readonly memory: Memory;

  constructor(text: string) {
    const { Module, Instance: Loaded } = (globalThis as unknown as { WebAssembly: WebAssemblyApi })
      .WebAssembly;
    const { exports } = new Loaded(new Module(assemble(text)));
    this.functions = exports as typeof this.functions;
    this.memory = exports['memory'] as Memory;
  }

  /** The memory, of at least that many bytes. Views of an earlier buffer are void where it had to grow. */
  reserve(bytes: number): ArrayBuffer {
    const missing = bytes - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE_BYTES));
    return this.memory.buffer;
  }
}
