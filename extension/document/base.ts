/** A file as it was read: the thread has it open, under its content at that time. */
import type { SessionFile } from './session-client.ts';

export class Base {
  readonly file: SessionFile;
  /** Size and modification time when it was opened: tells a change on disk. */
  readonly stamp: string;
  #successor: Base | undefined;

  constructor(file: SessionFile, stamp: string) {
    this.file = file;
    this.stamp = stamp;
  }

  /** The same file as it was read last: a file that another program wrote anew is read anew. */
  get latest(): Base {
    return this.#successor?.latest ?? this;
  }

  replaceBy(next: Base): void {
    this.#successor = next;
  }
}
