/** The names that parsers use for what stands on the wire. */

/** What a parser yields: bytes needed at the cursor's place. */
export type Step<T> = Generator<number, T, void>;

/** Enough for a tag and a varint, or a tag and a fixed64. */
export const FIELD_BYTES = 20;

export const WIRE = { varint: 0, fixed64: 1, len: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

/** Keys for `switch (c.next())`: field number and wire type together. */
export const varint = (field: number): number => field * 8;
export const fixed64 = (field: number): number => field * 8 + 1;
export const len = (field: number): number => field * 8 + 2;
export const fixed32 = (field: number): number => field * 8 + 5;

/** Numbers of fields below 32, as bits. */
export const fieldSet = (...fields: readonly number[]): number =>
  fields.reduce((set, f) => set | (1 << f), 0);
