/** The peak per batch size, and the largest batch that fits a budget. */
import { l10n } from 'vscode';
import { laterPeakBytes, largestBatch } from '../../src/analysis/index.ts';
import { formatBytes } from '../../src/format.ts';
import type { CacheView } from '../../src/protocol.ts';
import { localize } from '../l10n/domain-text.ts';
import type { Shown } from '../session/shown.ts';
import { weightBytes } from './totals.ts';
import { cacheView } from './training-view.ts';

export interface EstimateAnswer {
  readonly file: string;
  readonly ep: string;
  readonly budgetBytes: number | undefined;
  /** One per batch size; a model without a batch dim has one, of `batch` undefined. */
  readonly rows: readonly {
    readonly batch: number | undefined;
    readonly weightBytes: number | undefined;
    readonly activationBytes: number | undefined;
    readonly totalPeakBytes: number | undefined;
    /** From the second run on, where that is known and more. */
    readonly laterPeakBytes: number | undefined;
    readonly isAtLeast: boolean;
  }[];
  /** Undefined without a budget. */
  readonly largest: { readonly batch: number | undefined; readonly note: string } | undefined;
  /** At the chosen dims; undefined: it is no language model with a cache. */
  readonly cache: CacheView | undefined;
}

export interface Question {
  readonly batchSizes: readonly number[];
  readonly budgetBytes: number | undefined;
}

export function estimateAnswer(document: Shown, { batchSizes, budgetBytes }: Question): EstimateAnswer {
  const symbols = batchSymbols(document);
  const sizes = symbols.length === 0 ? [undefined] : batchSizes;
  const rows = sizes.map((batch) => {
    const dims = batch === undefined ? {} : Object.fromEntries(symbols.map((s) => [s, batch]));
    const estimate = document.snapshot
      .analysis()
      .estimate({ ...document.options, dims: { ...document.options.dims, ...dims }, isRepeated: true });
    return {
      batch,
      weightBytes: weightBytes(estimate),
      activationBytes: estimate.peakActivation.bytes,
      totalPeakBytes: estimate.heldPeak.bytes,
      laterPeakBytes: moreThan(estimate.heldPeak.bytes, laterPeakBytes(estimate)),
      isAtLeast: estimate.heldPeak.certainty === 'atLeast',
    };
  });
  const largest = budgetBytes === undefined ? undefined : largestFor(document, budgetBytes);
  const cache = cacheView(document.snapshot.analysis(), document.options.dims);
  return { file: document.fileName, ep: document.options.ep, budgetBytes, rows, largest, cache };
}

function moreThan(first: number | undefined, later: number | undefined): number | undefined {
  return first !== undefined && later !== undefined && later > first ? later : undefined;
}

function largestFor(document: Shown, budgetBytes: number): NonNullable<EstimateAnswer['largest']> {
  const budget = formatBytes(budgetBytes);
  const found = largestBatch(document.snapshot.analysis(), { ...document.options, budgetBytes });
  switch (found.kind) {
    case 'fits': {
      const peak = formatBytes(found.heldPeakBytes);
      return {
        batch: found.batch,
        note: l10n.t('Largest batch that fits {0}: {1} (peak {2})', budget, found.batch, peak),
      };
    }
    case 'too-large': {
      const peak = formatBytes(found.heldPeakBytes);
      return { batch: undefined, note: l10n.t('No batch fits {0}: the smallest needs {1}', budget, peak) };
    }
    case 'unknown':
      return { batch: undefined, note: localize(found.reason) };
  }
}

function batchSymbols({ snapshot }: Shown): string[] {
  return snapshot
    .analysis()
    .symbols.filter((s) => s.isBatch)
    .map((s) => s.name);
}
