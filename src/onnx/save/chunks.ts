/** The bytes of a rope in order, read when they are asked for. */
import { unfilled } from '../bytes.ts';
import { OnnxError } from '../errors.ts';
import type { Model } from '../model.ts';
import type { ByteSource } from '../source.ts';
import { rangeChunks, streamTensor, type StreamOptions } from '../tensor/stream.ts';
import type { Piece, Rope } from '../write/rope.ts';

/** Small pieces are joined up to this, so that a thousand changed nodes are not a thousand writes. */
const JOIN_BYTES = 256 * 1024;
const COPY_BYTES = 1024 * 1024;

export async function* ropeChunks(
  model: Model,
  rope: Rope,
  options: StreamOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const small = new SmallPieces();
  const buffers = options.reuseBuffers === true ? new TwoBuffers() : undefined;
  const ahead = new Ahead(rope);
  try {
    yield* piecesInTurn(model, rope, options, { small, buffers, ahead });
  } finally {
    await ahead.end();
  }
}

interface Reading {
  readonly small: SmallPieces;
  readonly buffers: TwoBuffers | undefined;
  readonly ahead: Ahead;
}

async function* piecesInTurn(
  model: Model,
  rope: Rope,
  options: StreamOptions,
  { small, buffers, ahead }: Reading,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (const [index, piece] of rope.pieces.entries()) {
    if (piece.kind !== 'tensor' && piece.length <= JOIN_BYTES) {
      // without an await where the bytes are at hand: there may be a hundred thousand such pieces
      const bytes = small.bytesAtHand(piece) ?? (await small.read(piece, options.signal));
      if (small.add(bytes)) yield small.take();
      continue;
    }
    if (small.length > 0) yield small.take();
    ahead.begin(index, options.signal);
    yield* largePiece(model, piece, options, buffers);
  }
  if (small.length > 0) yield small.take();
}

/** Has a tensor and the next one that can be prepared begun at the same time; no more, as each takes memory. */
class Ahead {
  private readonly preparable: readonly number[];
  private readonly rope: Rope;
  private readonly prepared = new Map<number, () => Promise<void>>();
  private position = 0;

  constructor(rope: Rope) {
    this.rope = rope;
    this.preparable = rope.pieces.flatMap((piece, i) => (prepareOf(piece) === undefined ? [] : [i]));
  }

  /** To be called before the piece is read: threads then go on to the next tensor by themselves. */
  begin(index: number, signal: AbortSignal | undefined): void {
    for (const earlier of this.prepared.keys()) if (earlier < index) this.prepared.delete(earlier);
    this.prepare(index, signal);
    while ((this.preparable[this.position] ?? Infinity) <= index) this.position++;
    this.prepare(this.preparable[this.position], signal);
  }

  /** Frees what was prepared and not read. */
  async end(): Promise<void> {
    for (const free of this.prepared.values()) await free();
  }

  private prepare(index: number | undefined, signal: AbortSignal | undefined): void {
    const piece = index === undefined ? undefined : this.rope.pieces[index];
    if (index === undefined || piece === undefined || this.prepared.has(index)) return;
    const free = prepareOf(piece)?.(signal);
    if (free !== undefined) this.prepared.set(index, free);
  }
}

function prepareOf(piece: Piece) {
  if (piece.kind !== 'tensor' || piece.tensor.location.kind !== 'computed') return undefined;
  return piece.tensor.location.prepare;
}

/** Collects small pieces, and reads those of the source through a window, as they mostly follow each other. */
class SmallPieces {
  length = 0;
  private chunks: Uint8Array[] = [];
  private source: ByteSource | undefined;
  private window: Uint8Array = new Uint8Array(0);
  private windowOffset = 0;
  private windowBytes = 0;

  /** True where there is enough to be written. */
  add(bytes: Uint8Array): boolean {
    this.chunks.push(bytes);
    this.length += bytes.length;
    return this.length >= JOIN_BYTES;
  }

  take(): Uint8Array {
    const joined = Buffer.concat(this.chunks, this.length);
    this.chunks = [];
    this.length = 0;
    return joined;
  }

  bytesAtHand(piece: Piece): Uint8Array | undefined {
    if (piece.kind === 'bytes') return piece.bytes;
    if (piece.kind !== 'copy' || piece.source !== this.source) return undefined;
    const start = piece.offset - this.windowOffset;
    const end = start + piece.length;
    return start >= 0 && end <= this.window.length ? this.window.subarray(start, end) : undefined;
  }

  /** Reads ahead twice as much each time that the pieces go on where the window ends. */
  async read(piece: Piece, signal: AbortSignal | undefined): Promise<Uint8Array> {
    if (piece.kind !== 'copy') throw new TypeError('only copies are read');
    signal?.throwIfAborted();
    const gap = piece.offset - (this.windowOffset + this.window.length);
    const goesOn = piece.source === this.source && Math.abs(gap) <= this.windowBytes;
    this.windowBytes = goesOn ? Math.min(this.windowBytes * 2, JOIN_BYTES) : piece.length;
    const length = Math.max(this.windowBytes, piece.length);
    this.source = piece.source;
    this.windowOffset = piece.offset;
    this.window = await piece.source.read(
      piece.offset,
      Math.min(length, piece.source.sizeBytes - piece.offset),
    );
    return this.window.subarray(0, piece.length);
  }
}

function largePiece(
  model: Model,
  piece: Piece,
  options: StreamOptions,
  buffers: TwoBuffers | undefined,
): AsyncIterable<Uint8Array> | readonly Uint8Array[] {
  switch (piece.kind) {
    case 'bytes':
      return [piece.bytes];
    case 'copy':
      return buffers === undefined || piece.source.readInto === undefined
        ? rangeChunks(piece.source, piece, options)
        : copiedThrough(buffers, piece, options.signal);
    case 'tensor':
      return exactly(model, piece, options);
  }
}

/** While one is being written the other is filled; in turns over all of a file, not piece by piece. */
class TwoBuffers {
  private current = unfilled(COPY_BYTES);
  private other = unfilled(COPY_BYTES);

  next(): Uint8Array {
    [this.current, this.other] = [this.other, this.current];
    return this.current;
  }
}

async function* copiedThrough(
  buffers: TwoBuffers,
  { source, offset, length }: Piece & { kind: 'copy' },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let done = 0; done < length;) {
    signal?.throwIfAborted();
    const buffer = buffers.next().subarray(0, length - done);
    await source.readInto?.(offset + done, buffer);
    yield buffer;
    done += buffer.length;
  }
}

/** The tensor's bytes; their number was written before them, so it must be right. */
async function* exactly(
  model: Model,
  { tensor, length }: Piece & { kind: 'tensor' },
  options: StreamOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  let done = 0;
  for await (const chunk of streamTensor(model, tensor, options)) {
    done += chunk.length;
    if (done > length) break;
    yield chunk;
  }
  if (done === length) return;
  const message = `tensor "${tensor.name}" has ${done > length ? 'more' : 'fewer'} bytes than the ${length} announced`;
  throw new OnnxError('malformed', message, { file: model.source.file.name });
}
