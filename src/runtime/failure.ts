/**
 * What can go wrong in a run, as one error type whose message names what happened and what to do.
 *
 *     describeExit({ code: null, signal: 'SIGKILL' }, 'running batch 32')
 *     // kind 'out-of-memory': "… was killed (SIGKILL) while running batch 32 … try a smaller batch size …"
 */

import { stripVTControlCharacters } from 'node:util';

export type FailureKind =
  | 'cancelled'
  | 'out-of-memory' // the system, the device or a set limit said no
  | 'crash' // the child process died otherwise
  | 'timeout' // no sign of life for too long
  | 'model' // ONNX Runtime refuses the model
  | 'data' // the data file or its fit to the inputs
  | 'batch' // this batch size cannot be run; another one may
  | 'ep' // the EP is not there or does not work
  | 'internal';

/** Kinds for which another batch size may well work, so that a sweep goes on. */
const perBatch: ReadonlySet<FailureKind> = new Set<FailureKind>([
  'out-of-memory',
  'crash',
  'timeout',
  'batch',
]);

export class RunnerError extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RunnerError';
    this.kind = kind;
  }

  /** True where another batch size may work. */
  get isPerBatch(): boolean {
    return perBatch.has(this.kind);
  }
}

/** Also of an error from another bundle, whose class is another. */
export function isRunnerError(error: unknown): error is RunnerError {
  return error instanceof Error && error.name === 'RunnerError';
}

export function cancelled(): RunnerError {
  return new RunnerError('cancelled', 'Cancelled.');
}

/** Written by the child to stderr just before it ends itself; see worker/monitor.ts. */
export const memoryLimitMarker = 'vram-lens: memory limit reached';

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines the child wrote to stderr. */
  readonly stderr: string;
}

/** What a child does until it says otherwise. */
export const startPhase = 'starting';

const smaller = 'Try a smaller batch size, or another execution provider.';

/** A child that ended without an answer, explained. `phase`: what it was doing, e.g. 'running batch 2 of 7'. */
export function describeExit(exit: ChildExit, phase: string): RunnerError {
  const said = lastLine(exit.stderr);
  const quote = said === undefined ? '' : ` Its last words: ${said}.`;
  if (exit.stderr.includes(memoryLimitMarker)) {
    return new RunnerError('out-of-memory', `The memory limit was reached while ${phase}. ${smaller}`);
  }
  if (isOutOfMemoryText(exit.stderr)) {
    return new RunnerError(
      'out-of-memory',
      `The runner ran out of memory while ${phase}. ${smaller}${quote}`,
    );
  }
  if (exit.signal === 'SIGKILL' || exit.code === 137) {
    return new RunnerError(
      'out-of-memory',
      `The runner process was killed (SIGKILL) while ${phase}, most likely by the system for want of memory. ${smaller}`,
    );
  }
  const how = exit.signal === null ? `ended with exit code ${String(exit.code)}` : `crashed (${exit.signal})`;
  // nothing of the model has been touched yet: no batch size would help
  if (phase === startPhase) {
    return new RunnerError('internal', `The runner process ${how} while ${phase}.${quote}`);
  }
  return new RunnerError('crash', `The runner process ${how} while ${phase}. ${smaller}${quote}`);
}

/** An error thrown by ONNX Runtime, as a message for people: C++ source positions cut off, kind recognised. */
export function fromOrt(error: unknown, what: string, fallback: FailureKind): RunnerError {
  const raw = error instanceof Error ? error.message : String(error);
  const text = cleanOrtMessage(raw);
  if (isOutOfMemoryText(raw)) {
    return new RunnerError('out-of-memory', `Out of memory while ${what}: ${text}. ${smaller}`, {
      cause: error,
    });
  }
  return new RunnerError(fallback, `ONNX Runtime failed while ${what}: ${text}.`, { cause: error });
}

/** `/onnxruntime_src/…/file.cc:136 ` or `D:\a\_work\1\s\onnxruntime\…\file.cc:136 `, as ONNX Runtime's exceptions begin. */
const position = /(?:\b[A-Za-z]:)?[\\/][\w.\\/-]*onnxruntime[\\/][\w.\\/-]+\.(?:cc|h|cu|mm|cpp):\d+ /.source;
/** `type ns::function(args) const`, as the compiler writes it. */
const signature = /(?:operator\(\)|[^()])*\((?:[^()]|\([^()]*\))*\)(?: const)? /.source;

/** Where it was thrown and, for a check, what should have held. */
const origin = new RegExp(`${position}(?:.*? was false\\. (?=\\S)|${signature})?`, 'g');

/**
 * Why an EP's library could not be loaded, which ONNX Runtime only writes to its log: `libcudnn.so.9: cannot open
 * shared object file: No such file or directory`. Undefined where it does not say.
 */
export function libraryReason(stderr: string): string | undefined {
  const text = stripVTControlCharacters(stderr);
  const said = /Failed to load library .+? with error: (?:.*[\\/](?=[^\\/]+: ))?(.+)/i.exec(text)?.[1];
  return said?.trim().replace(/\.$/, '');
}

/** Without positions in the source, signatures and stack; one line, no full stop at the end. */
export function cleanOrtMessage(message: string): string {
  return stripVTControlCharacters(message)
    .split('\n')
    .map((l) => l.trim())
    .filter((l) => l !== '' && !/^(Stacktrace:?|at |\[0x|#\d+ )/.test(l))
    .join(' ')
    .replace(origin, ' ')
    .replace(/\[ONNXRuntimeError\] : \d+ : /g, '')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/\.$/, '');
}

const outOfMemory =
  /bad[_ ]alloc|bad allocation|out of memory|Failed to allocate memory|Available memory of \d+ is smaller|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED|E_OUTOFMEMORY|VK_ERROR_OUT_OF_(?:DEVICE|HOST)_MEMORY|heap out of memory|Array buffer allocation failed/i;

export function isOutOfMemoryText(text: string): boolean {
  return outOfMemory.test(text);
}

/** The line of stderr that says most: the last error, else the last line. At most 300 characters. */
function lastLine(stderr: string): string | undefined {
  const lines = stripVTControlCharacters(stderr)
    .split('\n')
    .map((l) => l.trim())
    .filter((l) => l !== '' && !/^(?:at |Node\.js v)/.test(l));
  const said = lines.findLast((l) => /^\w*Error\b/.test(l)) ?? lines.at(-1);
  return said?.slice(0, 300).replace(/\.$/, '');
}
