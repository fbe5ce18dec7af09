/** Where the samples come from, seen by the runs: batches of feeds, one after another, never all at once. */
import type { InputPlan } from '../inputs.ts';
import type { ElementType, TypedArray } from './dtype.ts';
import type { RandomHints } from './random.ts';

/** A tensor on the host. float16 is held by bit pattern. */
export interface HostTensor {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: TypedArray;
}

export interface Batch {
  /** Number of samples; smaller than the batch size for the last batch only. */
  readonly count: number;
  readonly feeds: Readonly<Record<string, HostTensor>>;
  /** Class of each sample where there are labels. */
  readonly labels: readonly number[] | undefined;
  /** What each sample should give, where that is known; classes are in `labels` too. */
  readonly targets?: readonly Target[] | undefined;
}

/** The right answer for one sample. */
export type Target =
  | { readonly kind: 'class'; readonly value: number }
  /** A mask, an image, the outputs of another run: compared with an output element by element. */
  | { readonly kind: 'tensor'; readonly tensor: HostTensor }
  /** The token that follows each; −1 where none is asked for. */
  | { readonly kind: 'tokens'; readonly next: readonly number[] }
  | {
      readonly kind: 'boxes';
      readonly boxes: readonly Box[];
      /** Of what the model sees, in pixels. */
      readonly width: number;
      readonly height: number;
      /** Ids of the labels that there are in all, ascending. */
      readonly classIds: readonly number[];
    };

/** Corners in pixels of what the model sees. */
export interface Box {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  readonly label: number;
}

export interface DataSource {
  /** What a person reads, e.g. `fmnist-test-2000.npz, 2000 samples`. */
  readonly description: string;
  /** Samples that will be run: those that do not fill a fixed batch are left out, and a warning says so. */
  readonly samples: number;
  readonly hasLabels: boolean;
  readonly warnings: readonly string[];
  /** What feeds each input; inputs that are not here are filled at random. */
  readonly fedBy: ReadonlyMap<string, string>;
  batches(): AsyncGenerator<Batch>;
  close(): void;
}

/** That no data feed the input. */
export function filledWarning(input: string, hints: RandomHints): string {
  return hints[input]?.isState === true
    ? `Nothing in the data feeds input "${input}", the state that a run hands to the next; it begins as zeros.`
    : `Nothing in the data feeds input "${input}"; it is filled as random data are.`;
}

/** `total` samples in batches; the remainder of a fixed batch is left out, with a warning. */
export function usableSamples(
  total: number,
  plan: InputPlan,
): { samples: number; warning: string | undefined } {
  const rest = total % plan.batchSize;
  if (!plan.isFixedBatch || rest === 0) return { samples: total, warning: undefined };
  return {
    samples: total - rest,
    warning: `The model's batch is fixed at ${plan.batchSize}: the last ${rest} of ${total} samples do not fill a batch and were left out.`,
  };
}
