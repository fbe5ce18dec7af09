/** How the CLI ends when it cannot do what was asked: one clear line on stderr, exit code 2. */
import { OnnxError } from '../onnx/errors.ts';
import { RunnerError } from '../runtime/index.ts';

/** A wrong option or argument: the message says what is expected. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const exitCodes = { badInput: 2, interrupted: 130 } as const;

/** The one line a person reads. Stack traces only with `VRAM_LENS_DEBUG` set. */
export function failureLine(error: unknown): string {
  return oneLine(textOf(error));
}

function textOf(error: unknown): string {
  if (error instanceof OnnxError || error instanceof UsageError || error instanceof RunnerError) {
    return error.message;
  }
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT' && 'path' in error) {
    return `no such file: ${String(error.path)}`;
  }
  return error instanceof Error ? error.message : String(error);
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
