/** What went wrong with a file, in a form that a person and a program can both use. */
export type OnnxErrorKind =
  | 'not-onnx' // no ONNX model at all
  | 'truncated' // the file ends inside a message
  | 'malformed' // wire format or content contradicts itself
  | 'limit' // larger than a named limit
  | 'external-data' // external data missing, too short, or outside the model's folder
  | 'unsupported' // well-formed, but nothing we can do
  | 'changed' // the source file changed on disk since it was opened
  | 'io'; // the system said no (disk full, permission, …)

export interface OnnxErrorDetails {
  /** File it happened in. */
  readonly file?: string | undefined;
  /** Byte offset in that file. */
  readonly offset?: number | undefined;
  /** Field path, e.g. `graph.node[12].attribute[0].t`. */
  readonly field?: string | undefined;
  /** Id of the node, where there is one. */
  readonly node?: string | undefined;
  readonly cause?: unknown;
}

/** Message: one line that names the file, the place and what to do. */
export class OnnxError extends Error {
  readonly kind: OnnxErrorKind;
  readonly details: OnnxErrorDetails;

  constructor(kind: OnnxErrorKind, message: string, details: OnnxErrorDetails = {}) {
    const at = [
      details.file,
      details.offset === undefined ? undefined : `byte ${details.offset}`,
      details.field,
      details.node === undefined ? undefined : `node ${details.node}`,
    ].filter((p) => p !== undefined);
    super(at.length === 0 ? message : `${message} (${at.join(', ')})`, { cause: details.cause });
    this.name = 'OnnxError';
    this.kind = kind;
    this.details = details;
  }
}

/** Also of an error from another bundle, whose class is another. */
export function isOnnxError(error: unknown): error is OnnxError {
  return error instanceof Error && error.name === 'OnnxError';
}
