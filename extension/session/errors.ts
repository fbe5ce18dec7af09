/** Errors across the thread: a broken file is still told from a fault, with file, byte and node. */
import { OnnxError, type OnnxErrorDetails, type OnnxErrorKind } from '../../src/onnx/index.ts';
import { RunnerError, type FailureKind } from '../../src/runtime/index.ts';
import type { ErrorCodec } from '../../src/rpc.ts';

interface Dumped {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly onnx?: { readonly kind: OnnxErrorKind; readonly details: OnnxErrorDetails };
  readonly run?: FailureKind;
}

export const errorCodec: ErrorCodec = {
  dump: (error): Dumped => {
    if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: undefined };
    const { name, message, stack } = error;
    if (error instanceof RunnerError) return { name, message, stack, run: error.kind };
    if (!(error instanceof OnnxError)) return { name, message, stack };
    const { file, offset, field, node } = error.details;
    return { name, message, stack, onnx: { kind: error.kind, details: { file, offset, field, node } } };
  },
  revive: (dumped) => {
    const given = dumped as Dumped;
    const error = revived(given);
    error.name = given.name;
    error.message = given.message;
    if (given.stack !== undefined) error.stack = given.stack;
    return error;
  },
};

function revived({ message, onnx, run }: Dumped): Error {
  if (onnx !== undefined) return new OnnxError(onnx.kind, message, onnx.details);
  return run === undefined ? new Error(message) : new RunnerError(run, message);
}
