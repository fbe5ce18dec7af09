/**
 * Tells objects that are still what the file says from those an edit made.
 *
 * A parsed object carries a {@link ParsedRange} that knows its owner. `{ ...node, inputs }` without
 * `range: undefined` would copy the range along, but not become its owner: so a forgotten reset never makes an edit
 * vanish, and an object that came from another file is never copied from this one.
 */
import type { ByteRange, Ranged } from './model.ts';
import type { ByteSource } from './source.ts';

/** Bytes of a file together with the file. Private fields keep the owner out of comparisons and clones. */
export class ParsedRange implements ByteRange {
  readonly offset: number;
  readonly length: number;
  readonly #source: ByteSource;
  readonly #tagOffset: number;
  readonly #field: number;
  #owner: object | undefined;

  /** @param tagOffset where the field's tag begins; equals `offset` for the whole file, which has none. */
  constructor(source: ByteSource, field: number, tagOffset: number, offset: number, length: number) {
    this.offset = offset;
    this.length = length;
    this.#source = source;
    this.#field = field;
    this.#tagOffset = tagOffset;
  }

  static claim(range: ParsedRange, owner: object): void {
    range.#owner = owner;
  }

  /** The range of `object` in `source` if nobody changed it since it was read; else undefined. */
  static of(object: Ranged, source: ByteSource): ParsedRange | undefined {
    const { range } = object;
    if (!(range instanceof ParsedRange)) return undefined;
    return range.#owner === object && range.#source === source ? range : undefined;
  }

  /** Where the whole field begins, tag included, if it is field number `field`; else undefined. */
  tagOffset(field: number): number | undefined {
    return field === this.#field ? this.#tagOffset : undefined;
  }
}
