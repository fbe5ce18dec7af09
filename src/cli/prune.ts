/** `vram-lens prune IN -o OUT`: zeroes a share of each chosen layer's weights, or removes channels or whole blocks. */
import { Command } from 'commander';
import { MAX_GROUP_RATIO } from '../global-ratios.ts';
import {
  CHANNEL_IMPORTANCES,
  CHANNEL_REPAIRS,
  parsePattern,
  PRUNE_METHODS,
  RecipeError,
  SPARSE_GLOBAL,
  type ChannelRepair,
  type Edit,
  type PruneChannelsEdit,
} from '../transforms/index.ts';
import { UsageError } from './failure.ts';
import { layersOf } from './layers.ts';
import { parsePositiveInteger, parseRatio, parseShare } from './options.ts';
import { BLOCK_IMPORTANCES, wantedBlocks } from './prune-blocks.ts';
import { wantedRatios } from './prune-global.ts';
import { transformFile, withTransformOptions, type TransformFlags, type Wanted } from './transform.ts';

interface Flags extends TransformFlags {
  readonly method?: string;
  readonly ratio: number;
  readonly seed: number;
  readonly bias?: boolean;
  readonly global?: boolean;
  readonly maxRatio?: number;
  readonly pattern?: string;
  readonly sparse?: boolean;
  readonly structured?: boolean;
  readonly repair?: ChannelRepair;
  readonly roundTo?: number;
  readonly approximate?: boolean;
  readonly blocks?: string;
}

export function pruneCommand(signal: AbortSignal): Command {
  return withTransformOptions(new Command('prune'))
    .description(
      'set a share of the weights to zero (saves no dense memory: it says so), or remove channels (--structured) or residual blocks (--blocks)',
    )
    .option(
      '--method <name>',
      `${PRUNE_METHODS.join(', ')}; with --structured: ${CHANNEL_IMPORTANCES.join(', ')} (default ${CHANNEL_IMPORTANCES[0]}); with --blocks N: ${BLOCK_IMPORTANCES.join(', ')}`,
    )
    .option('--ratio <share>', 'share of the elements, or of the channels, that goes', parseRatio, 0.5)
    .option('--seed <n>', 'seed of the random method', parseSeed, 0)
    .option('--bias', 'prune biases too')
    .option(
      '--global',
      'one threshold of magnitude for all layers together; with --structured: one ratio for all groups of channels together',
    )
    .option(
      '--max-ratio <share>',
      `with --structured --global: at most so much of a group goes (default ${MAX_GROUP_RATIO})`,
      (t) => parseShare('--max-ratio', t),
    )
    .option('--pattern <n:m>', 'of each M neighbours along the inputs N stay, e.g. 2:4', readPattern)
    .option(
      '--sparse',
      'store as sparse_initializer what so gets smaller: the file, not the memory (ONNX Runtime makes it dense)',
    )
    .option('--structured', 'remove output channels, neurons and heads: tensors really get smaller')
    .option('--repair <name>', `with --structured: ${CHANNEL_REPAIRS.join(', ')}`, parseRepair)
    .option(
      '--approximate',
      'with --structured: also channels whose mean a LayerNormalization subtracts, which is not exact',
    )
    .option('--round-to <n>', 'with --structured: channels that stay are a multiple of it', (t) =>
      parsePositiveInteger('--round-to', t),
    )
    .option(
      '--blocks <n|glob>',
      'remove residual blocks: as many that matter least (by influence where --calibration is given), or those whose id matches',
    )
    .action((file: string, flags: Flags, command: Command) =>
      transformFile(file, flags, wantedBy(flags, command, signal), signal),
    );
}

function wantedBy(flags: Flags, command: Command, signal: AbortSignal): Wanted {
  const { blocks } = flags;
  if (flags.maxRatio !== undefined && !(flags.structured === true && flags.global === true))
    throw new UsageError('--max-ratio goes with --structured --global');
  if (blocks === undefined) {
    if (flags.structured !== true) return weightEdit(flags);
    const edit = channelEdit(flags);
    return flags.global === true ? wantedRatios(edit, flags, signal) : edit;
  }
  const stray = NOT_WITH_BLOCKS.find((name) => command.getOptionValueSource(name) === 'cli');
  if (stray !== undefined) throw new UsageError(`--${dashed(stray)} does not go with --blocks`);
  const usual = flags.calibration === undefined ? 'weights' : 'influence';
  const method = oneOf(flags.method ?? usual, BLOCK_IMPORTANCES);
  return wantedBlocks({ blocks, method }, flags, signal);
}

const NOT_WITH_BLOCKS = [
  ...['layers', 'ratio', 'seed', 'bias', 'global', 'maxRatio', 'pattern', 'structured', 'repair', 'roundTo'],
  'approximate',
];

function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
}

function weightEdit(flags: Flags): Edit {
  const { ratio, seed, pattern } = flags;
  if (flags.repair !== undefined || flags.roundTo !== undefined || flags.approximate !== undefined)
    throw new UsageError('--repair, --round-to and --approximate go with --structured');
  const method = oneOf(flags.method ?? 'magnitude', PRUNE_METHODS);
  if (flags.global === true && (method !== 'magnitude' || pattern !== undefined))
    throw new UsageError('--global is one threshold of magnitude: no other method or pattern goes with it');
  if (flags.global === true && flags.sparse === true)
    throw new UsageError(`--sparse does not go with --global: ${SPARSE_GLOBAL}`);
  return {
    type: 'prune',
    layers: layersOf(flags.layers),
    method,
    ratio,
    seed,
    bias: flags.bias === true,
    ...(flags.global === true ? { scope: 'global' } : {}),
    ...(pattern === undefined ? {} : { pattern }),
    ...(flags.sparse === true ? { sparse: true } : {}),
  };
}

function channelEdit(flags: Flags): PruneChannelsEdit {
  const { ratio, seed, repair, roundTo } = flags;
  if ([flags.bias, flags.pattern, flags.sparse].some((f) => f !== undefined))
    throw new UsageError('--bias, --pattern and --sparse do not go with --structured');
  return {
    type: 'prune-channels',
    layers: layersOf(flags.layers),
    importance: oneOf(flags.method ?? CHANNEL_IMPORTANCES[0], CHANNEL_IMPORTANCES),
    ratio,
    seed,
    ...(repair === undefined ? {} : { repair }),
    ...(flags.approximate === true ? { approximate: true } : {}),
    ...(roundTo === undefined ? {} : { roundTo }),
  };
}

function oneOf<T extends string>(text: string, known: readonly T[]): T {
  const found = known.find((k) => k === text);
  if (found !== undefined) return found;
  throw new UsageError(
    `unknown method "${text}": expected ${known.slice(0, -1).join(', ')} or ${known.at(-1) ?? ''}`,
  );
}

function parseRepair(text: string): ChannelRepair {
  return (
    CHANNEL_REPAIRS.find((r) => r === text) ??
    fail(`--repair: expected ${CHANNEL_REPAIRS.join(', ')}, got "${text}"`)
  );
}

function fail(message: string): never {
  throw new UsageError(message);
}

function readPattern(text: string): string {
  try {
    return parsePattern(text, '--pattern');
  } catch (error) {
    if (error instanceof RecipeError) throw new UsageError(error.message.replace('recipe: ', ''));
    throw error;
  }
}

function parseSeed(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new UsageError(`--seed: expected a whole number, got "${text}"`);
  return value;
}
