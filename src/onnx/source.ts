/** Random access to the bytes of one file, wherever it lives (local disk, any `vscode.Uri`, memory). */
export interface ByteSource {
  /** For messages: a path or URI. */
  readonly name: string;
  readonly sizeBytes: number;
  /**
   * Exactly `length` bytes from `offset`. The result may be a view of a shared buffer: do not write to it.
   * @throws OnnxError kind 'truncated' where the file ends before, kind 'io' where it cannot be read.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** As `read`, but fills `into`: gigabytes are copied through two buffers three times as fast as through new ones. */
  readInto?(offset: number, into: Uint8Array): Promise<void>;
  /** The path on local disk where there is one: lets the writer use copy_file_range and reflinks. */
  readonly localPath?: string | undefined;
  /** Of the open file, for worker threads that read for themselves until `close`; undefined where there is none. */
  openDescriptor?(): Promise<number | undefined>;
  /**
   * What tells that the content is still the one that was opened: size and modification time for files.
   * Two equal stamps mean: unchanged. Undefined where the file system gives none.
   */
  stamp?(): Promise<string | undefined>;
  close(): Promise<void>;
}
