/** `vram-lens quantize IN -o OUT`: smaller weights for chosen layers, in a form of choice or in the best one for an EP. */
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import type { Model } from '../onnx/index.ts';
import { chooseForms, parseRecipe, type Recipe } from '../transforms/index.ts';
import { weightBehaviour } from '../analysis/index.ts';
import { UsageError } from './failure.ts';
import { blocks } from './forms/blocks.ts';
import { bfloat16, float16 } from './forms/cast.ts';
import { dynamicInt8 } from './forms/dynamic-int8.ts';
import { oneOf, optionName, type Form } from './forms/form.ts';
import { staticForm } from './forms/static.ts';
import { layersOf, namedLayers } from './layers.ts';
import { epNames } from './options.ts';
import { knowProcessor } from './processor.ts';
import { progressLine } from './terminal.ts';
import { transformFile, withTransformOptions, type TransformFlags, type Wanted } from './transform.ts';

const FORMS = {
  'dynamic-int8': dynamicInt8,
  blocks,
  float16,
  bfloat16,
  static: staticForm,
} as const satisfies Record<string, Form>;
type FormName = keyof typeof FORMS;
const FORM_NAMES = Object.keys(FORMS) as FormName[];

interface Flags extends TransformFlags {
  readonly form?: FormName;
  readonly blocks?: number;
  readonly float16?: boolean;
  readonly auto?: boolean;
  readonly minSqnr?: number;
  readonly recipe?: string;
}

export function quantizeCommand(signal: AbortSignal): Command {
  const command = withTransformOptions(new Command('quantize'))
    .description('make weights smaller: int8, blocks of few bits, float16, or what suits an EP')
    .option('--form <name>', `${FORM_NAMES.join(', ')} (default: dynamic-int8)`, parseForm);
  for (const { addOptions } of Object.values<Form>(FORMS)) addOptions(command);
  return command
    .option('--auto', 'per layer the smallest form that the EP keeps small')
    .option(
      '--min-sqnr <dB>',
      'with --auto: least signal-to-noise ratio of a weight (default: 30)',
      parseDecibels,
    )
    .option('--recipe <file>', 'do what a recipe says, as --write-recipe wrote it')
    .action(async (file: string, flags: Flags) => {
      await knowProcessor(signal);
      await transformFile(file, flags, wantedBy(flags, command, signal), signal);
    });
}

const parseFormName = oneOf('--form', FORM_NAMES);

/** @throws UsageError, of float8 with what is known of it */
function parseForm(text: string): FormName {
  if (text !== 'float8') return parseFormName(text);
  const able = epNames.filter((ep) => weightBehaviour(ep, 'MatMul', 'float8').fate === 'small');
  const said = able.map((ep) => `${ep}: ${weightBehaviour(ep, 'MatMul', 'float8').note}`);
  throw new UsageError(
    `--form float8 is not offered: no EP of this build computes in it (${said.join('; ')}); use blocks of 8 bits`,
  );
}

const DEFAULT_SQNR = 30;

function wantedBy(flags: Flags, command: Command, signal: AbortSignal): Wanted {
  const given = (name: string) => command.getOptionValueSource(name) === 'cli';
  const way = wayOf(flags);
  if (given('minSqnr') && way !== 'auto') throw new UsageError('--min-sqnr goes with --auto');
  const own = way === 'auto' || way === 'recipe' ? [] : FORMS[way].options;
  for (const [name, { options }] of Object.entries<Form>(FORMS)) {
    const stray = name === way ? undefined : options.find((o) => given(o) && !own.includes(o));
    if (stray !== undefined) throw new UsageError(`${optionName(stray)} goes with --form ${name}`);
  }
  if (flags.recipe !== undefined) return fromFile(flags.recipe, given('layers'));
  if (way === 'auto' || way === 'recipe') return chosen(flags, signal);
  return FORMS[way].edit({ ...flags }, layersOf(flags.layers));
}

/** What was asked for, however it was said. */
function wayOf({ form, blocks: bits, float16: isHalf, auto, recipe }: Flags): FormName | 'auto' | 'recipe' {
  const ways = new Set<FormName | 'auto' | 'recipe'>([
    ...(form === undefined ? [] : [form]),
    ...(bits === undefined ? [] : (['blocks'] as const)),
    ...(isHalf === true ? (['float16'] as const) : []),
    ...(auto === true ? (['auto'] as const) : []),
    ...(recipe === undefined ? [] : (['recipe'] as const)),
  ]);
  const [way = 'dynamic-int8', ...others] = ways;
  if (others.length > 0) throw new UsageError(`choose one of ${[...ways].join(' and ')}`);
  return way;
}

function fromFile(path: string, hasLayers: boolean): Wanted {
  if (hasLayers) throw new UsageError('--recipe names its layers itself: leave --layers out');
  return async (): Promise<Pick<Recipe, 'edits' | 'calibration'>> =>
    parseRecipe(await readFile(path, 'utf8'));
}

function chosen(flags: Flags, signal: AbortSignal): Wanted {
  const { ep, minSqnr: minSqnrDb = DEFAULT_SQNR } = flags;
  return async (model: Model) => {
    const show = progressLine();
    const onProgress = (done: number, total: number) =>
      show?.({ fraction: done / total, message: 'trying forms' });
    const options = { ep, minSqnrDb, layers: namedLayers(model, flags.layers), signal, onProgress };
    const { edits, layers } = await chooseForms(model, options);
    if (edits.length > 0) return { edits };
    const [first] = layers;
    const why =
      first === undefined
        ? 'the model has no layer this can be applied to'
        : `${first.node}: ${first.reason ?? ''}`;
    throw new UsageError(`nothing can be made smaller; ${why}`);
  };
}

function parseDecibels(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new UsageError(`--min-sqnr: expected decibels, got "${text}"`);
  }
  return value;
}
