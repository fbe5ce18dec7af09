/**
 * How right a model's answers are. The labels say which figures there are: classes, the next tokens, masks, tensors or
 * boxes. Nothing is kept but a number per sample.
 *
 *     const metrics = new LabelMetrics();
 *     metrics.push({ logits: { dims: [8, 10], values } }, targets);   // batch by batch
 *     metrics.result();                                              // top-1 0.934 (0.922..0.944), …
 */
import type { Target } from '../data/source.ts';
import type { LabelMetric } from '../types.ts';
import type { BoxOutputs } from '../data/spec.ts';
import type { BoxReading } from './box-reading.ts';
import { BoxMetrics } from './boxes.ts';
import { meanInterval, wilson } from './interval.ts';
import { minTop5Classes } from './outputs.ts';
import { logProbabilities, rankOf } from './rows.ts';
import { TensorMetrics } from './tensors.ts';

/** One output of a batch; its first axis counts samples. */
export interface Answer {
  readonly dims: readonly number[];
  readonly values: ArrayLike<number>;
  /** Of its elements, where it is known. */
  readonly type?: string | undefined;
}
export type Answers = Readonly<Record<string, Answer>>;

export class LabelMetrics {
  readonly #classes = new ClassMetrics();
  readonly #tokens = new ClassMetrics();
  readonly #tensors = new TensorMetrics();
  readonly #boxes: BoxMetrics;
  readonly #warnings = new Set<string>();

  /** @param boxes how the outputs of a detector are to be read */
  constructor(boxes?: BoxOutputs) {
    this.#boxes = new BoxMetrics(boxes);
  }

  /** How they were read; undefined where there were none. */
  get boxes(): BoxReading | undefined {
    return this.#boxes.reading;
  }

  get warnings(): readonly string[] {
    return [...this.#warnings];
  }

  /** Outputs of a batch and the target of each of its samples. */
  push(answers: Answers, targets: readonly Target[]): void {
    switch (targets[0]?.kind) {
      case 'class':
        this.#pushClasses(answers, targets);
        return;
      case 'tokens':
        this.#pushTokens(answers, targets);
        return;
      case 'tensor':
        if (!this.#tensors.push(answers, targets)) {
          this.#warnings.add(
            'No output has the shape of the labels, or of scores for them; they were not used.',
          );
        }
        return;
      case 'boxes':
        if (
          !this.#boxes.push(
            answers,
            targets.filter((t) => t.kind === 'boxes'),
          )
        ) {
          this.#warnings.add(
            'No outputs look like boxes with scores and labels, in parts or in one tensor; the boxes of the labels were not used. Say which outputs they are.',
          );
        }
        return;
      case undefined:
    }
  }

  result(): LabelMetric[] {
    const tokens = this.#tokens.result();
    return [
      ...this.#classes.result(),
      ...tokens,
      ...tokens.filter((m) => m.name === 'cross-entropy').map(perplexity),
      ...this.#tensors.result(),
      ...this.#boxes.result(),
    ];
  }

  #pushClasses(answers: Answers, targets: readonly Target[]): void {
    const found = Object.values(answers).find((a) => isClassScores(a.dims, targets.length));
    if (found === undefined) {
      this.#warnings.add('No output looks like class scores [samples, classes]; the labels were not used.');
      return;
    }
    const classes = found.values.length / targets.length;
    targets.forEach((t, row) => {
      if (t.kind === 'class') this.#classes.push(part(found.values, row * classes, classes), [t.value]);
    });
  }

  /** Scores [samples, tokens, vocabulary]: of each token, for the next one. */
  #pushTokens(answers: Answers, targets: readonly Target[]): void {
    const found = Object.values(answers).find(
      ({ dims }) => dims.length === 3 && dims[0] === targets.length && (dims[2] ?? 0) > 1,
    );
    const [, length = 0, vocabulary = 0] = found?.dims ?? [];
    if (found === undefined) {
      this.#warnings.add(
        'No output looks like scores of tokens [samples, tokens, vocabulary]; perplexity was not measured.',
      );
      return;
    }
    targets.forEach((t, sample) => {
      if (t.kind !== 'tokens') return;
      const asked = t.next.flatMap((token, at) => (token < 0 || at >= length ? [] : [{ token, at }]));
      const rows = asked.map(({ at }) => part(found.values, (sample * length + at) * vocabulary, vocabulary));
      this.#tokens.pushRows(
        rows,
        asked.map(({ token }) => token),
      );
    });
  }
}

function perplexity(entropy: LabelMetric): LabelMetric {
  const { value, low, high } = entropy;
  const exp = (v: number | undefined) => (v === undefined ? undefined : Math.exp(v));
  return { name: 'perplexity', value: Math.exp(value), low: exp(low), high: exp(high) };
}

function part(values: ArrayLike<number>, from: number, length: number): ArrayLike<number> {
  return ArrayBuffer.isView(values)
    ? (values as Float32Array).subarray(from, from + length)
    : Array.prototype.slice.call(values, from, from + length);
}

/** Right answers among the best one and five, and cross-entropy in nats. */
class ClassMetrics {
  #top1 = 0;
  #top5 = 0;
  #total = 0;
  #hasTop5 = false;
  readonly #entropies: number[] = [];

  push(row: ArrayLike<number>, labels: readonly number[]): void {
    this.pushRows([row], labels);
  }

  /** Rows of one sample, whose mean entropy is one value for the interval. */
  pushRows(rows: readonly ArrayLike<number>[], labels: readonly number[]): void {
    if (rows.length === 0) return;
    let entropy = 0;
    for (const [i, row] of rows.entries()) {
      const label = labels[i] ?? -1;
      const rank = rankOf(row, label);
      if (rank === 0) this.#top1++;
      if (rank < 5) this.#top5++;
      this.#hasTop5 ||= row.length >= minTop5Classes;
      this.#total++;
      entropy -= logProbabilities(row)[label] ?? Number.NaN;
    }
    this.#entropies.push(entropy / rows.length);
  }

  result(): LabelMetric[] {
    const total = this.#total;
    if (total === 0) return [];
    const entropies = this.#entropies.filter((e) => !Number.isNaN(e));
    return [
      { name: 'top-1', value: this.#top1 / total, ...wilson(this.#top1, total) },
      ...(this.#hasTop5
        ? [{ name: 'top-5', value: this.#top5 / total, ...wilson(this.#top5, total) } as const]
        : []),
      ...(entropies.length === 0
        ? []
        : [
            {
              name: 'cross-entropy',
              value: entropies.reduce((a, b) => a + b, 0) / entropies.length,
              ...meanInterval(entropies),
            } as const,
          ]),
    ];
  }
}

/** True where [samples, classes] scores can be read from an output of these dims. */
export function isClassScores(dims: readonly number[], samples: number): boolean {
  const classes = dims.at(-1) ?? 1;
  return dims.length >= 2 && classes > 1 && dims.reduce((a, b) => a * b, 1) === samples * classes;
}
