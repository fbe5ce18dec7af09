/** The weights that ONNX Runtime's CPU arena holds: small constants, and what kernels pack for themselves. */
import { thisMachine } from '../../machine.ts';
import { packingOf } from '../memory/kernels/index.ts';
import type { Packed } from '../memory/kernels/kernel.ts';
import { nchwcDomain } from '../memory/rewrite/nchwc/layout.ts';
import type { RuntimeBlock, RuntimeNode } from '../memory/runtime.ts';
import type { Sizes } from '../memory/sizes.ts';
import { hashOf } from '../memory/values.ts';
import type { Value } from '../memory/values.ts';

/**
 * Initializers of more bytes stay where loading put them, outside the arena (ONNX Runtime 1.22 and later); smaller
 * ones are copied into it.
 */
const largestInArena = 127;

/**
 * What a weight of a blocked (NCHWc) kernel takes, in multiples of its stored bytes: the stored one and two laid out
 * anew. Measured with onnxruntime-node 1.30 as resident memory: eight Convs 512→512, 3×3 (72 MiB) take 243 MiB with
 * optimization `all`, 100 MiB with `disabled`.
 */
const blockedCopies = 3;

export interface ArenaWeights {
  /** Small constants and packed weights, beside the arena's regions. */
  readonly reservedBytes: number;
  /** Weights laid out anew, in the regions. */
  readonly chunks: readonly number[];
  /** Outside the arena: constants as stored that no kernel has packed, and the copies that blocked kernels use. */
  readonly besideBytes: number;
  /** While the session is made. */
  readonly peakBytes: number;
}

const found = new WeakMap<RuntimeBlock, ArenaWeights>();

/** Of all graphs, whether they run or not: their sessions are made at once. The same for all dims. */
export function arenaWeights(main: RuntimeBlock, sizes: Sizes): ArenaWeights {
  const known = found.get(main);
  if (known) return known;
  const collector = new Collector(sizes);
  collector.block(main);
  found.set(main, collector);
  return collector;
}

class Collector implements ArenaWeights {
  reservedBytes = 0;
  besideBytes = 0;
  peakBytes = 0;
  readonly chunks: number[] = [];
  private readonly sizes: Sizes;
  private readonly seen = new Set<string>();

  constructor(sizes: Sizes) {
    this.sizes = sizes;
  }

  block(block: RuntimeBlock): void {
    const packings: { readonly n: RuntimeNode; readonly packing: Packed }[] = [];
    const packed = new Set<Value | undefined>();
    const blocked = new Map<Value, number>();
    for (const n of block.nodes) {
      if (n.domain === nchwcDomain) for (const [v, bytes] of blockedBytes(n)) blocked.set(v, bytes);
      for (const packing of packingOf(n)) {
        packings.push({ n, packing });
        packed.add(n.inputs[packing.input]);
      }
    }
    for (const v of block.constants) {
      const bytes = blocked.get(v) ?? this.sizes.knownBytes(v);
      // what is packed is given back as stored (measured: 128 MiB of MatMul weights take 168 MiB resident, not 280)
      if (packed.has(v)) continue;
      if (bytes <= largestInArena) this.reservedBytes += bytes;
      else this.besideBytes += blocked.has(v) ? blockedCopies * bytes : bytes;
    }
    for (const { n, packing } of packings) this.pack(n, packing);
    for (const n of block.nodes) for (const body of n.bodies) this.block(body.block);
  }

  /** What is packed to the same bytes is held once, but packed before it is known to be the same. */
  private pack(n: RuntimeNode, p: Packed): void {
    const weight = n.inputs[p.input];
    const keys = [
      `${n.opType} ${p.bytes} ${weight?.identity ?? weight?.slot ?? ''}`,
      ...likenessOf(n).map((likeness) => `${n.opType} ${p.bytes} ${p.input} ${likeness}`),
    ];
    const isKnown = keys.some((k) => this.seen.has(k));
    for (const k of keys) this.seen.add(k);
    this.peakBytes = Math.max(this.peakBytes, this.reservedBytes + p.bytes);
    if (isKnown) return;
    if (p.isChunk === true) this.chunks.push(p.bytes);
    else this.reservedBytes += p.bytes;
  }
}

/** What a blocked kernel's weights take: whole blocks of filters. */
function blockedBytes(n: RuntimeNode): [Value, number][] {
  const block = thisMachine().nchwcBlock;
  return n.inputs.flatMap((v) => {
    if (v?.kind !== 'constant') return [];
    const { bytes = 0, dims: [filters = 0] = [] } = v.constant ?? {};
    return filters === 0 ? [] : [[v, (bytes / filters) * Math.ceil(filters / block) * block]];
  });
}

/** A bias of fewer different bytes tells nothing: zeros, ones. */
const tellingBytes = 16;

/**
 * Weights are not read, but a bias is: two nodes with the same telling bias have the same weights, as where an
 * exporter wrote a layer into both branches of an If.
 */
function likenessOf(n: RuntimeNode): string[] {
  return n.inputs.flatMap((v) => {
    const bytes = v?.constant?.small;
    return bytes === undefined ? [] : (likenessOfBytes(bytes) ?? []);
  });
}

/** An edit leaves nearly all of them what they are. */
const likenesses = new WeakMap<Uint8Array, string | null>();

function likenessOfBytes(bytes: Uint8Array): string | null {
  const known = likenesses.get(bytes);
  if (known !== undefined) return known;
  const likeness = new Set(bytes).size < tellingBytes ? null : hashOf(bytes);
  likenesses.set(bytes, likeness);
  return likeness;
}
