/**
 * One message being written: fields made anew go through `encode`, objects that nobody changed are copied.
 *
 *     w.encode.string(2, graph.name);
 *     for (const node of graph.nodes) w.message(1, node, writeNode);
 *     w.kept(graph);
 */
import type { FileBytes, Ranged } from '../model.ts';
import { ParsedRange } from '../pristine.ts';
import type { ByteSource } from '../source.ts';
import { Encoder } from './encoder.ts';
import { Rope } from './rope.ts';

export class MessageWriter {
  readonly encode = new Encoder();
  /** The file that ranges point into. */
  readonly source: ByteSource;
  private readonly rope = new Rope();

  constructor(source: ByteSource) {
    this.source = source;
  }

  /** A field that is a message: copied where it is still what the file says, else written by `write`. */
  message<T extends Ranged>(field: number, object: T, write: (w: MessageWriter, object: T) => void): void {
    const { source } = this;
    const range = ParsedRange.of(object, source);
    if (range === undefined) {
      this.nested(field, (inner) => write(inner, object));
      return;
    }
    const end = range.offset + range.length;
    const start = range.tagOffset(field) ?? range.offset;
    if (start === range.offset) this.encode.header(field, range.length);
    this.copy({ source, offset: start, length: end - start });
  }

  /** A field that is a message made anew. */
  nested(field: number, write: (w: MessageWriter) => void): void {
    const inner = new MessageWriter(this.source);
    write(inner);
    if (inner.rope.pieces.length === 0) {
      this.encode.bytes(field, inner.encode.finish());
      return;
    }
    const content = inner.finish();
    this.encode.header(field, content.length);
    this.flush();
    this.rope.append(content);
  }

  copy(range: FileBytes): void {
    this.flush();
    this.rope.copy(range);
  }

  /** Fields that these types have no place for. */
  kept({ unknownFields }: Ranged): void {
    for (const fields of unknownFields ?? []) {
      if (fields instanceof Uint8Array) this.encode.raw(fields);
      else this.copy(fields);
    }
  }

  /** Direct access for data that are neither encoded nor copied as a message. */
  data(add: (rope: Rope) => void): void {
    this.flush();
    add(this.rope);
  }

  finish(): Rope {
    this.flush();
    return this.rope;
  }

  private flush(): void {
    if (this.encode.length > 0) this.rope.bytes(this.encode.finish());
  }
}
