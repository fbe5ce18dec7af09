/** What a check says in one line: whether the compressed model still answers as the original does. */
import type { CheckView, RunView } from '../../src/protocol.ts';

export type Grade = 'good' | 'fair' | 'bad' | 'unknown';

export type Verdict =
  /** By labels: the worst loss of accuracy over all batch sizes, as a share of 1 (0.01: a point). */
  | { readonly by: 'accuracy'; readonly grade: Grade; readonly before: number; readonly after: number }
  /** Without labels: the worst share of inputs for which both give the same answer. */
  | { readonly by: 'agreement'; readonly grade: Grade; readonly agreement: number }
  /** No classes: the worst cosine similarity of the outputs. */
  | { readonly by: 'cosine'; readonly grade: Grade; readonly cosine: number }
  /** Nothing to tell by; `failed` where every batch size failed. */
  | { readonly by: 'nothing'; readonly grade: 'unknown' | 'bad'; readonly failed: boolean };

/** A loss of half a point is within what a test set of some thousands can tell; two points are felt. */
const accuracyLimits = { good: 0.005, fair: 0.02 };
const agreementLimits = { good: 0.99, fair: 0.95 };
const cosineLimits = { good: 0.999, fair: 0.99 };

export function verdictOf({ batches }: CheckView): Verdict {
  const run = batches.filter((b) => b.error === undefined);
  if (run.length === 0) return { by: 'nothing', grade: 'bad', failed: true };
  const losses = run.flatMap((b) => lossOf(b.original, b.compressed));
  const [firstLoss] = losses.sort((a, b) => b.before - b.after - (a.before - a.after));
  if (firstLoss !== undefined) {
    const loss = firstLoss.before - firstLoss.after;
    return { by: 'accuracy', grade: atMost(loss, accuracyLimits), ...firstLoss };
  }
  const agreements = run.flatMap((b) => b.outputs.flatMap((o) => o.top1Agreement ?? []));
  if (agreements.length > 0) {
    const agreement = Math.min(...agreements);
    return { by: 'agreement', grade: atLeast(agreement, agreementLimits), agreement };
  }
  const cosines = run.flatMap((b) => b.outputs.flatMap((o) => o.cosine ?? []));
  if (cosines.length > 0) {
    const cosine = Math.min(...cosines);
    return { by: 'cosine', grade: atLeast(cosine, cosineLimits), cosine };
  }
  return { by: 'nothing', grade: 'unknown', failed: false };
}

function lossOf(original: RunView | undefined, compressed: RunView | undefined) {
  const before = original?.accuracy;
  const after = compressed?.accuracy;
  return before === undefined || after === undefined ? [] : [{ before, after }];
}

function atMost(value: number, limits: { readonly good: number; readonly fair: number }): Grade {
  return value <= limits.good ? 'good' : value <= limits.fair ? 'fair' : 'bad';
}

function atLeast(value: number, limits: { readonly good: number; readonly fair: number }): Grade {
  return value >= limits.good ? 'good' : value >= limits.fair ? 'fair' : 'bad';
}
