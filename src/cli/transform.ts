/** What quantize and prune share: apply edits to a file, say what they do, save. */
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { analyze } from '../analysis/index.ts';
import type { EpName, MemoryEstimate } from '../analysis/types.ts';
import { formatBytes, formatChange, formatCount, formatPercent } from '../format.ts';
import { saveModel, type Model } from '../onnx/index.ts';
import {
  applyRecipe,
  describeEdit,
  executor,
  needsData,
  recipeWarnings,
  serializeRecipe,
  type AppliedRecipe,
  type CalibrationData,
  type Edit,
  type LayerChange,
  type Recipe,
  type TensorChange,
  type Warning,
} from '../transforms/index.ts';
import { withCalibration } from '../calibrated.ts';
import type { BatchAxes } from '../runtime/index.ts';
import { withInputOptions } from './check-data.ts';
import { lazyRunner, sizesOf } from './check.ts';
import { UsageError } from './failure.ts';
import { withNodeIds } from './layers.ts';
import { batchSymbols, withModel } from './model.ts';
import { parseEp, parsePositiveInteger } from './options.ts';
import { print, printJson } from './output.ts';
import { sessionSettings, withSessionOptions, type SessionFlags } from './session-options.ts';
import { colour, progressLine, table, wrap } from './terminal.ts';

export interface TransformFlags extends SessionFlags {
  readonly output: string;
  readonly layers?: readonly string[];
  readonly ep: EpName;
  readonly json?: boolean;
  readonly calibration?: string;
  readonly samples: number;
  readonly map?: Readonly<Record<string, string>>;
  readonly batchAxis?: BatchAxes;
  readonly writeRecipe?: string;
}

/** What is to be done: one edit, or what a look at the model or into a file tells. */
export type Wanted = Edit | ((model: Model) => Promise<Pick<Recipe, 'edits' | 'calibration'>>);

export function withTransformOptions(command: Command): Command {
  const described = withSessionOptions(command)
    .argument('<model>', 'an .onnx file; it is not changed')
    .requiredOption('-o, --output <file>', 'where to write the new model')
    .option(
      '--layers <glob>',
      'only layers of such a name, or node id, e.g. "/encoder/**"; repeat for several',
      (glob, before: readonly string[] | undefined) => [...(before ?? []), glob],
    )
    .option('--ep <name>', 'execution provider to warn for', parseEp, 'cpu')
    .option(
      '--calibration <file>',
      'data that edits which look at activations run through the model (default: random inputs)',
    )
    .option(
      '--samples <n>',
      'use at most so many samples of it',
      (t) => parsePositiveInteger('--samples', t),
      DEFAULT_SAMPLES,
    );
  return withInputOptions(described)
    .option('--write-recipe <file>', 'write down what was done, to be repeated with --recipe')
    .option('--json', 'print JSON');
}

export const DEFAULT_SAMPLES = 128;
/** Small: what a batch of every intermediate result takes must fit beside the model. */
const calibrationBatch = 8;

export async function transformFile(
  file: string,
  flags: TransformFlags,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<void> {
  await refuseSameFiles(file, flags);
  // they start while the model is opened and looked at
  executor().warmUp();
  await withModel(file, signal, async (model) => {
    const recipe = calibratedBy(await recipeOf(model, file, wanted, flags), file, flags);
    const plan = applyRecipe(model, recipe);
    const { model: changed, changes, tensors, warnings } = plan;
    if (![...changes, ...tensors].some((c) => c.status === 'applied')) {
      throw new UsageError(nothingToDo(recipe, plan, flags));
    }
    const analysis = analyze(model);
    const before = analysis.estimate({ ep: flags.ep });
    const after = analyze(changed).estimate({ ep: flags.ep });
    const runner = lazyRunner(sessionSettings(flags));
    const ofData: Warning[] = [];
    try {
      const { ep } = flags;
      const options = { ep, dims: sizesOf(analysis, {}), batchSymbols: batchSymbols(analysis), signal };
      await withCalibration(
        model,
        recipe,
        { ...options, runner: runner.get, onProgress: progressLine() },
        async (applied, saidOfData) => {
          await saveModel(applied.model, flags.output, { signal, onProgress: progressLine() });
          ofData.push(...saidOfData.map((message) => ({ code: 'calibration', message })));
        },
      );
    } finally {
      await runner.dispose();
    }
    if (flags.writeRecipe !== undefined) await writeFile(flags.writeRecipe, `${serializeRecipe(recipe)}\n`);
    const fileBytes = { before: model.source.file.sizeBytes, after: (await stat(flags.output)).size };
    const isGuess = needsData(plan) && recipe.calibration?.path === undefined;
    const said = [
      ...warnings,
      ...recipeWarnings(model, recipe, flags.ep),
      ...(isGuess ? [CALIBRATED_AT_RANDOM] : []),
      ...ofData,
    ];
    if (flags.json === true) {
      printJson({
        file,
        output: flags.output,
        fileBytes,
        parameterBytes: { before: before.parameterBytes, after: after.parameterBytes },
        totalPeakBytes: {
          ep: flags.ep,
          dims: before.dims,
          before: before.totalPeak.bytes ?? null,
          after: after.totalPeak.bytes ?? null,
        },
        macs: { before: macsOf(before) ?? null, after: macsOf(after) ?? null },
        changes,
        tensors,
        warnings: said,
      });
      return;
    }
    print([
      ...callsTable(changes, recipe.edits),
      ...(changes.some((c) => !isCall(c, recipe.edits)) ? changesTable(changes, recipe.edits) : []),
      ...tensorsTable(tensors),
      '',
      `${colour.bold(flags.output)}  ${formatBytes(fileBytes.before)} → ${formatBytes(fileBytes.after)} (${formatChange(fileBytes.before, fileBytes.after)})`,
      ...runLines(before, after),
      ...warningLines(said),
    ]);
  });
}

/** What a run takes less, by the estimate; nothing where it is not known, or as before. */
function runLines(before: MemoryEstimate, after: MemoryEstimate): string[] {
  const peaks = [before.heldPeak.bytes, after.heldPeak.bytes] as const;
  const macs = [macsOf(before), macsOf(after)] as const;
  const dims = Object.entries(before.dims).map(([name, size]) => ` ${name} ${size}`);
  return [
    ...changeLine(`peak in all on ${before.ep},${dims.join(',')}`.replace(/,$/, ''), peaks, formatBytes),
    ...changeLine('MACs', macs, formatCount),
  ];
}

function changeLine(
  title: string,
  [before, after]: readonly [number | undefined, number | undefined],
  format: (value: number) => string,
): string[] {
  if (before === undefined || after === undefined || before === after) return [];
  return [`${title}  ${format(before)} → ${format(after)} (${formatChange(before, after)})`];
}

function macsOf({ nodes }: MemoryEstimate): number | undefined {
  let sum = 0;
  for (const { macs } of nodes) {
    if (macs === undefined) return undefined;
    sum += macs;
  }
  return sum;
}

export function recipeFor(model: Model, file: string, ...edits: readonly Edit[]): Recipe {
  return {
    version: 1,
    source: { name: path.basename(file), sizeBytes: model.source.file.sizeBytes },
    edits,
  };
}

async function recipeOf(
  model: Model,
  file: string,
  wanted: Wanted,
  { layers }: TransformFlags,
): Promise<Recipe> {
  const { edits, calibration } =
    typeof wanted === 'function' ? await wanted(model) : { edits: [withNodeIds(model, wanted, layers)] };
  const { version, source } = recipeFor(model, file);
  return { version, source, edits, ...(calibration === undefined ? {} : { calibration }) };
}

const CALIBRATED_AT_RANDOM: Warning = {
  code: 'random-calibration',
  message: 'calibrated on random inputs: give samples like those it will see with --calibration',
};

/** With the data that were given; the path as seen from the model, so that both can be moved together. */
export function calibratedBy(recipe: Recipe, file: string, flags: TransformFlags): Recipe {
  const { calibration, map, batchAxis } = flags;
  if (calibration === undefined) {
    if (map !== undefined || batchAxis !== undefined)
      throw new UsageError('--map and --batch-axis say how the data of --calibration are read');
    return recipe;
  }
  const seen = path
    .relative(path.dirname(path.resolve(file)), path.resolve(calibration))
    .replaceAll(path.sep, '/');
  return { ...recipe, calibration: { path: seen, ...readAs(flags) } };
}

/** How much of the data is taken, and how. */
export function readAs({ samples, map, batchAxis }: TransformFlags): Omit<CalibrationData, 'path'> {
  const layout = { ...(map && { inputs: map }), ...(batchAxis && { batchAxes: batchAxis }) };
  return { samples, batchSize: calibrationBatch, ...layout };
}

/** @throws UsageError where two of the files are one, also by other names (links, `./`): nothing is to be lost */
async function refuseSameFiles(file: string, { output, writeRecipe }: TransformFlags): Promise<void> {
  if (await isSameFile(file, output)) {
    throw new UsageError('the output is the model itself; choose another file, so that the original stays');
  }
  if (writeRecipe === undefined) return;
  for (const other of [file, output]) {
    if (await isSameFile(writeRecipe, other))
      throw new UsageError(`--write-recipe would overwrite the model ${other}; choose another file`);
  }
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  if (path.resolve(a) === path.resolve(b)) return true;
  const [first, second] = await Promise.all([a, b].map((f) => stat(f).catch(() => undefined)));
  return first !== undefined && second !== undefined && first.dev === second.dev && first.ino === second.ino;
}

/** One row per layer with weights that the recipe touches, at most `limit`, blocked ones with the reason. */
export function changesTable(
  all: readonly LayerChange[],
  edits: readonly Edit[],
  limit = Infinity,
): string[] {
  const changes = all.filter((c) => !isCall(c, edits));
  const isBlock = (c: LayerChange) => c.status === 'applied' && edits[c.edit]?.type === 'prune-blocks';
  const layers = changes.filter((c) => c.beforeBytes > 0 || isBlock(c));
  const lines = table(
    [
      { title: 'layer', maxWidth: 44 },
      { title: 'before', align: 'right' },
      { title: 'after', align: 'right' },
      { title: '' },
    ],
    layers.slice(0, limit).map((c) => changeRow(c, edits[c.edit])),
  );
  if (layers.length > limit) lines.push(colour.dim(`… and ${layers.length - limit} more layers`));
  const bare = changes.filter((c) => c.beforeBytes === 0 && c.status === 'blocked');
  if (bare.length > 0) {
    const names = `${bare
      .slice(0, 3)
      .map((c) => c.node)
      .join(', ')}${bare.length > 3 ? ', …' : ''}`;
    lines.push(colour.dim(`${bare.length} without weights of their own are kept: ${names}`));
  }
  return lines;
}

function isCall({ edit }: LayerChange, edits: readonly Edit[]): boolean {
  return edits[edit]?.type === 'clean';
}

/** One row per node that called a local function, with the nodes in its place. */
function callsTable(changes: readonly LayerChange[], edits: readonly Edit[]): string[] {
  const calls = changes.filter((c) => isCall(c, edits));
  if (calls.length === 0) return [];
  return table(
    [
      { title: 'call', maxWidth: 44 },
      { title: 'written out as', maxWidth: 80 },
    ],
    calls.map(({ node, status, reason, nodesAfter }) => [
      node,
      status === 'applied' ? colour.green(nodesAfter.join(', ')) : colour.dim(`kept: ${reason ?? 'blocked'}`),
    ]),
  );
}

function changeRow(change: LayerChange, edit: Edit | undefined): string[] {
  const { node, beforeBytes, afterBytes, status, reason } = change;
  if (status === 'blocked') {
    return [node, formatBytes(beforeBytes), colour.dim('kept'), colour.dim(reason ?? 'blocked')];
  }
  if (edit?.type === 'prune-blocks')
    return [node, formatBytes(beforeBytes), colour.green(formatBytes(afterBytes)), 'removed'];
  const note =
    edit?.type === 'prune'
      ? colour.green(
          edit.pattern === undefined ? `${formatPercent(edit.ratio)} zeroed` : `${edit.pattern} left`,
        )
      : formatChange(beforeBytes, afterBytes);
  return [node, formatBytes(beforeBytes), colour.green(formatBytes(afterBytes)), note];
}

export function warningLines(warnings: readonly Warning[]): string[] {
  return warnings.flatMap((w) => wrap(colour.yellow(`! ${w.message}`), 2));
}

/** One row per initializer, with what becomes of it. */
function tensorsTable(tensors: readonly TensorChange[]): string[] {
  if (tensors.length === 0) return [];
  return table(
    [{ title: 'initializer', maxWidth: 44 }, { title: 'size', align: 'right' }, { title: '' }],
    tensors.map((change) => {
      const { name, beforeBytes, status, reason } = change;
      const note =
        status === 'blocked' ? colour.dim(`kept: ${reason ?? 'blocked'}`) : colour.green(tensorNote(change));
      return [name, formatBytes(beforeBytes), note];
    }),
  );
}

function tensorNote({ name, into, afterBytes }: TensorChange): string {
  if (afterBytes > 0) return `float32: ${formatBytes(afterBytes)}`;
  if (into === undefined) return 'removed: nothing uses it';
  return into === name ? 'removed: a later one has its name' : `merged into ${into}`;
}

function nothingToDo(
  { edits }: Recipe,
  { changes, tensors }: AppliedRecipe,
  { layers }: TransformFlags,
): string {
  const call = changes.find((c) => isCall(c, edits));
  if (call !== undefined)
    return `no local function can be written out; ${call.node}: ${call.reason ?? 'blocked'}`;
  const [kept] = tensors;
  if (kept !== undefined) return `no initializer can be changed; ${kept.name}: ${kept.reason ?? 'blocked'}`;
  if (edits.some((edit) => edit.type === 'clean' && (edit.narrow === true || edit.inline === true)))
    return `there is nothing to clean; asked for: ${edits.map(describeEdit).join('; ')}`;
  if (edits.every((edit) => edit.type === 'clean'))
    return 'every initializer is used, and none found equals another: there is nothing to clean';
  const [blocked] = changes;
  if (blocked !== undefined)
    return `no layer can be changed; ${blocked.node}: ${blocked.reason ?? 'blocked'}`;
  const where = layers === undefined ? 'the model' : `what --layers ${layers.join(', ')} names`;
  return `${where} has no layer this can be applied to`;
}
