/** The data fields of one tensor while it is parsed: where they are, and which of them counts. */
import { SMALL_TENSOR_BYTES, SMALL_TENSOR_STORED_BYTES } from '../limits.ts';
import type { FileBytes, TensorEncoding, TensorLocation } from '../model.ts';
import { decodeAll, decoderFor } from '../tensor/decode.ts';
import { DATA_FIELDS, typedEncoding } from '../tensor/encoding.ts';
import { elementBits } from '../datatype.ts';
import type { Cursor } from '../wire/cursor.ts';
import { WIRE } from '../wire/keys.ts';
import { keepRange } from '../wire/kept.ts';

/** Fields of one number that follow each other. */
interface Run {
  readonly field: number;
  readonly start: number;
  end: number;
  /** Packed or raw: where the content lies. Undefined for single elements. */
  readonly content: { readonly offset: number; readonly length: number } | undefined;
  /** The content, where it is small. */
  readonly bytes: Uint8Array | undefined;
}

const RAW = DATA_FIELDS.raw;
const STRING = DATA_FIELDS.string;
const ENCODING_OF = new Map(
  (Object.entries(DATA_FIELDS) as [TensorEncoding, number][]).map(([encoding, field]) => [field, encoding]),
);

export class TensorData {
  private readonly c: Cursor;
  private readonly runs: Run[] = [];
  private chosen: readonly Run[] = [];

  constructor(c: Cursor) {
    this.c = c;
  }

  /** Whether the field that `next()` has just read is so small that it is read at once. */
  get isWorthReading(): boolean {
    const { c } = this;
    if (c.wire !== WIRE.len || c.field === STRING) return false;
    return c.length <= (c.field === RAW ? SMALL_TENSOR_BYTES : SMALL_TENSOR_STORED_BYTES);
  }

  /** Takes the field that `next()` has just read; its content is in the window where it is worth reading. */
  add(): void {
    const { c } = this;
    const start = c.fieldStart;
    if (c.wire === WIRE.len && c.field !== STRING) {
      c.countObject();
      const content = { offset: c.offset, length: c.length };
      const bytes = this.isWorthReading ? c.bytes() : undefined;
      if (bytes === undefined) c.skip();
      this.runs.push({ field: c.field, start, end: c.offset, content, bytes });
      return;
    }
    c.skip();
    const last = this.runs.at(-1);
    if (last?.field === c.field && last.end === start && last.content === undefined) last.end = c.offset;
    else {
      c.countObject();
      this.runs.push({ field: c.field, start, end: c.offset, content: undefined, bytes: undefined });
    }
  }

  /**
   * Where the elements lie, and the other data fields, which count for nothing, as unknown ones.
   * @param dataType undefined: none of them counts, as the tensor's data are external
   */
  resolve(
    dataType: number | undefined,
    kept: FileBytes[] | undefined,
  ): { location: TensorLocation; unknownFields: FileBytes[] | undefined } {
    const field = dataType === undefined ? undefined : this.fieldFor(dataType);
    let unknownFields = kept;
    if (this.runs.every((run) => run.field === field)) this.chosen = this.runs;
    else {
      this.chosen = this.runs.filter((run) => run.field === field);
      for (const run of this.runs) {
        if (run.field !== field) unknownFields = keepRange(this.c, unknownFields, run.start, run.end);
      }
    }
    // of a field that is not repeated, the last one counts
    if (field === RAW) this.chosen = this.chosen.slice(-1);
    return { location: this.location(field), unknownFields };
  }

  /** The elements as raw_data would hold them; undefined where not all are at hand, or their number is wrong. */
  decoded(location: TensorLocation, dataType: number, byteLength: number): Uint8Array | undefined {
    const [first] = this.chosen;
    if (first?.field === RAW) return first.bytes?.length === byteLength ? first.bytes : undefined;
    if (location.kind === 'inline') return location.bytes.length === byteLength ? location.bytes : undefined;
    if (location.kind !== 'file' || location.tagged === true) return undefined;
    const pieces = this.chosen.map((run) => run.bytes).filter((bytes) => bytes !== undefined);
    if (pieces.length !== this.chosen.length) return undefined;
    const bytes = this.c.locate(() => decodeAll(decoderFor(location.encoding, dataType), pieces));
    return bytes.length === byteLength ? bytes : undefined;
  }

  private fieldFor(dataType: number): number | undefined {
    const has = (field: number) =>
      this.runs.some((run) => run.field === field && (run.content === undefined || run.content.length > 0));
    if (this.runs.length === 1 && this.runs[0]?.field === RAW) return RAW;
    if (has(RAW)) return RAW;
    const typed = DATA_FIELDS[typedEncoding(dataType)];
    if (has(typed)) return typed;
    // types of the future may be in any field
    const other = elementBits(dataType) === undefined ? this.runs.find((run) => has(run.field)) : undefined;
    return (other ?? this.runs.find((run) => run.field === RAW))?.field;
  }

  private location(field: number | undefined): TensorLocation {
    const encoding = field === undefined ? undefined : ENCODING_OF.get(field);
    if (encoding === undefined) return { kind: 'inline', bytes: new Uint8Array(0) };
    const { source } = this.c;
    const [first] = this.chosen;
    if (this.chosen.length === 1 && first?.content !== undefined)
      return { kind: 'file', encoding, ranges: [first.content], source };
    const contents = this.chosen.map((run) => run.content).filter((content) => content !== undefined);
    if (contents.length === this.chosen.length) return { kind: 'file', encoding, ranges: contents, source };
    const ranges = this.chosen.map(({ start, end }) => ({ offset: start, length: end - start }));
    return { kind: 'file', encoding, ranges, tagged: true, source };
  }
}
