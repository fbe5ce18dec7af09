/** The bytes of a file to be written, as pieces: made anew, copied from the source, or streamed by a tensor. */
import type { FileBytes, TensorRef } from '../model.ts';
import type { ByteSource } from '../source.ts';

export type Piece =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly length: number }
  | { readonly kind: 'copy'; readonly source: ByteSource; readonly offset: number; readonly length: number }
  /** `length` bytes of `streamTensor` */
  | { readonly kind: 'tensor'; readonly tensor: TensorRef; readonly length: number };

export class Rope {
  readonly pieces: Piece[] = [];
  length = 0;

  bytes(bytes: Uint8Array): void {
    this.push({ kind: 'bytes', bytes, length: bytes.length });
  }

  /** Neighbouring ranges become one, so that an untouched part of the model is one copy. */
  copy({ source, offset, length }: FileBytes): void {
    this.push({ kind: 'copy', source, offset, length });
  }

  tensor(tensor: TensorRef, length: number): void {
    this.push({ kind: 'tensor', tensor, length });
  }

  append(rope: Rope): void {
    for (const piece of rope.pieces) this.push(piece);
  }

  push(piece: Piece): void {
    if (piece.length === 0) return;
    this.length += piece.length;
    const last = this.pieces.at(-1);
    if (piece.kind === 'copy' && last?.kind === 'copy' && last.source === piece.source) {
      if (last.offset + last.length === piece.offset) {
        this.pieces[this.pieces.length - 1] = { ...last, length: last.length + piece.length };
        return;
      }
    }
    this.pieces.push(piece);
  }
}
