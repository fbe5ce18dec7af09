/** Options that several commands share, read strictly: a typo is an error, never a silent default. */
import type { Command } from 'commander';
import type { EpName, Optimization } from '../analysis/types.ts';
import { UsageError } from './failure.ts';

export const epNames: readonly EpName[] = ['cpu', 'webgpu', 'cuda', 'tensorrt', 'dml', 'coreml'];

export interface EstimateFlags {
  readonly dim: Readonly<Record<string, number>>;
  readonly ep: EpName;
  readonly opt: Optimization;
  readonly json?: boolean;
}

/** Adds `--dim`, `--ep`, `--opt` and `--json`. */
export function withEstimateOptions(command: Command): Command {
  return command
    .option('--dim <name=size>', 'size of a symbolic dim; repeat for several', collectDim, {})
    .option('--ep <name>', `execution provider: ${epNames.join(', ')}`, parseEp, 'cpu')
    .option('--opt <level>', 'graph optimization: disabled or all', parseOptimization, 'all')
    .option('--json', 'print JSON');
}

export function parseEp(text: string): EpName {
  const ep = epNames.find((n) => n === text.toLowerCase());
  if (ep === undefined) throw new UsageError(`unknown EP "${text}": expected one of ${epNames.join(', ')}`);
  return ep;
}

export function parseOptimization(text: string): Optimization {
  if (text === 'disabled' || text === 'all') return text;
  throw new UsageError(`unknown optimization level "${text}": expected disabled or all`);
}

export function collectDim(text: string, previous: Record<string, number>): Record<string, number> {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new UsageError(`--dim expects name=size, got "${text}"`);
  return { ...previous, [text.slice(0, at)]: parsePositiveInteger(`--dim ${text}`, text.slice(at + 1)) };
}

export function parsePositiveInteger(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 1) {
    throw new UsageError(`${option}: expected a whole number of at least 1, got "${text}"`);
  }
  return value;
}

/** A share of 1, e.g. 0.5. */
export function parseRatio(text: string): number {
  return parseShare('--ratio', text);
}

export function parseShare(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) {
    throw new UsageError(`${option}: expected a share between 0 and 1, got "${text}"`);
  }
  return value;
}

/** "1,8,32" → [1, 8, 32], without repeats, in ascending order. */
export function parseBatchSizes(text: string): number[] {
  const sizes = text.split(',').map((part) => parsePositiveInteger('--batch', part));
  return [...new Set(sizes)].sort((a, b) => a - b);
}

/** "8", "8GB", "512MiB" → bytes. A bare number is GiB, as graphics cards are sold. */
export function parseBudget(text: string): number {
  const m = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?)?$/i.exec(text.trim());
  const unit = m?.[2]?.toLowerCase();
  if (m === null) throw new UsageError(`--budget expects a size such as 8GiB or 512MiB, got "${text}"`);
  const exponent = unit === undefined ? 3 : 'kmgt'.indexOf(unit) + 1;
  return Math.round(Number(m[1]) * 1024 ** exponent);
}
