/** What `estimate` says beyond one run of the model: training, the key-value cache, the cards that fit. */
import type { Command } from 'commander';
import { cardsThatFit, kvCache, trainingEstimate } from '../analysis/index.ts';
import type {
  Analysis,
  Card,
  Figure,
  KvCache,
  Optimizer,
  TrainingEstimate,
  TrainingOptions,
} from '../analysis/index.ts';
import { formatBytes, formatCount } from '../format.ts';
import { UsageError } from './failure.ts';
import { parsePositiveInteger } from './options.ts';
import { figureCells } from './report.ts';
import { colour, table, wrap } from './terminal.ts';

export interface BeyondFlags {
  readonly training?: Optimizer;
  readonly optimizerBits?: 32 | 8;
  readonly mixed?: boolean;
  readonly checkpointing?: 'none' | 'sqrt' | number;
  readonly seq?: number;
  readonly cards?: boolean;
}

const optimizers: readonly Optimizer[] = ['sgd', 'momentum', 'adam', 'adamw'];

export function withBeyondOptions(command: Command): Command {
  return command
    .option('--training <optimizer>', `what training takes: ${optimizers.join(', ')}`, parseOptimizer)
    .option('--optimizer-bits <bits>', 'with --training: 32 (default) or 8 bits per state', parseBits)
    .option('--mixed', 'with --training: 16-bit weights and activations, float32 master weights')
    .option(
      '--checkpointing <how>',
      'with --training: none (default), sqrt, or a number of segments',
      parseCheckpointing,
    )
    .option('--seq <tokens>', 'tokens in the key-value cache of a language model', (text) =>
      parsePositiveInteger('--seq', text),
    )
    .option('--cards', 'list the common graphics cards that hold the peak');
}

function parseOptimizer(text: string): Optimizer {
  const found = optimizers.find((o) => o === text.toLowerCase());
  if (found === undefined)
    throw new UsageError(`unknown optimizer "${text}": expected one of ${optimizers.join(', ')}`);
  return found;
}

function parseBits(text: string): 32 | 8 {
  if (text === '32') return 32;
  if (text === '8') return 8;
  throw new UsageError(`--optimizer-bits expects 32 or 8, got "${text}"`);
}

function parseCheckpointing(text: string): 'none' | 'sqrt' | number {
  return text === 'none' || text === 'sqrt' ? text : parsePositiveInteger('--checkpointing', text);
}

export interface Beyond {
  readonly cache: KvCache | undefined;
  /** The dims asked for, with the tokens of `--seq` in the cache. */
  readonly dims: Readonly<Record<string, number>>;
  readonly training: TrainingEstimate | undefined;
}

/** Refuses flags that mean nothing for this model or without each other. */
export function beyondInference(
  analysis: Analysis,
  flags: BeyondFlags,
  given: Readonly<Record<string, number>>,
): Beyond {
  const cache = kvCache(analysis);
  const dims = { ...given, ...tokens(cache, flags.seq) };
  const options = trainingOptions(flags, dims);
  return { cache, dims, training: options && trainingEstimate(analysis, options) };
}

function tokens(cache: KvCache | undefined, seq: number | undefined): Record<string, number> {
  if (seq === undefined) return {};
  if (cache?.sequenceSymbol === undefined) {
    const why = cache === undefined ? 'has no key-value cache' : 'fixes the length of its key-value cache';
    throw new UsageError(`--seq: the model ${why}; choose its dims with --dim`);
  }
  return { [cache.sequenceSymbol]: seq };
}

function trainingOptions(
  flags: BeyondFlags,
  dims: Readonly<Record<string, number>>,
): TrainingOptions | undefined {
  const { training, optimizerBits = 32, mixed = false, checkpointing = 'none' } = flags;
  if (training === undefined) {
    const lonely = ['optimizerBits', 'mixed', 'checkpointing'].find((name) => Object.hasOwn(flags, name));
    if (lonely === undefined) return undefined;
    const option = lonely.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
    throw new UsageError(`--${option} goes with --training`);
  }
  return { dims, optimizer: training, optimizerBits, precision: mixed ? 'mixed' : 'float32', checkpointing };
}

export function beyondLines({ cache, dims, training }: Beyond): string[] {
  return [
    ...(cache === undefined ? [] : ['', ...cacheLines(cache, cache.bytesAt(dims))]),
    ...(training === undefined ? [] : ['', ...trainingLines(training)]),
  ];
}

function cacheLines(cache: KvCache, figure: Figure): string[] {
  const each = cache.bytesPerToken === undefined ? '' : `, ${formatBytes(cache.bytesPerToken)} a token`;
  const rows = [[`key-value cache`, ...figureCells(figure)]];
  return [
    ...table([{ title: 'language model' }, { title: '', align: 'right' }, { title: '' }], rows),
    ...wrap(
      colour.dim(
        `${cache.layers} layers, ${cache.tensors.length} tensors${each}: ${cache.formula ?? 'its size is not known'}`,
      ),
      2,
    ),
  ];
}

function trainingLines(t: TrainingEstimate): string[] {
  const row = (label: string, figure: Figure & { readonly formula: string | undefined }): string[] => [
    label,
    ...figureCells({ ...figure, note: figure.formula ?? figure.note }),
  ];
  const how = [
    t.optimizer,
    ...(t.optimizerBits === 8 ? ['8-bit states'] : []),
    ...(t.precision === 'mixed' ? ['mixed precision'] : []),
    ...(t.segments > 1 ? [`checkpointing in ${t.segments} segments`] : []),
  ];
  const rows = [
    row('weights', t.weights),
    row('gradients', t.gradients),
    row('optimizer state', t.optimizerState),
    ...(t.masterWeights.bytes === 0 ? [] : [row('master weights', t.masterWeights)]),
    row('activations kept', t.activations),
    row('and for a moment', t.transient),
    [colour.bold('peak of training'), ...figureCells(t.peak, colour.bold)],
  ];
  const lines = table(
    [{ title: `training, ${how.join(', ')}` }, { title: '', align: 'right' }, { title: '' }],
    rows,
  );
  const kept = t.keptByOperator.slice(0, 5).map((o) => `${o.opType} ${formatBytes(o.bytes)}`);
  lines.push(colour.dim(`${formatCount(t.trainableCount)} trained, ${formatCount(t.frozenCount)} not`));
  if (kept.length > 0) lines.push(...wrap(colour.dim(`kept for the backward of ${kept.join(', ')}`), 2));
  for (const u of t.unknown.slice(0, 5)) lines.push(...wrap(colour.yellow(`  ${u.node}: ${u.reason}`), 4));
  return lines;
}

/** One line for each size of memory that holds the peak. */
export function cardLines(peakBytes: number): string[] {
  const bySize = new Map<number, Card[]>();
  for (const card of cardsThatFit(peakBytes))
    bySize.set(card.memoryBytes, [...(bySize.get(card.memoryBytes) ?? []), card]);
  if (bySize.size === 0) return [colour.red(`no common card holds ${formatBytes(peakBytes)}`)];
  return table(
    [{ title: 'memory', align: 'right' }, { title: `cards that hold ${formatBytes(peakBytes)}` }],
    [...bySize].map(([bytes, list]) => [
      formatBytes(bytes),
      list.map((c) => (c.vendor === 'NVIDIA' ? c.name : `${c.vendor} ${c.name}`)).join(', '),
    ]),
  );
}

/** What `--json` adds; `bytesAt` is evaluated. */
export function beyondJson({ cache, dims, training }: Beyond) {
  return {
    ...(cache === undefined
      ? {}
      : {
          kvCache: {
            tensors: cache.tensors,
            layers: cache.layers,
            batchSymbol: cache.batchSymbol ?? null,
            sequenceSymbol: cache.sequenceSymbol ?? null,
            formula: cache.formula ?? null,
            bytesPerToken: cache.bytesPerToken ?? null,
            bytes: cache.bytesAt(dims).bytes ?? null,
          },
        }),
    ...(training === undefined ? {} : { training }),
  };
}
