/**
 * `vram-lens demo [MODEL]`: the whole job once. Estimate, quantize to int8, check accuracy at batch 1, 8 and 32 on
 * the best EP there is, and say how to go on in VS Code. Without a model: the sample that comes with the project.
 */
import { mkdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { analyze } from '../analysis/index.ts';
import type { Analysis, EpName, MemoryEstimate } from '../analysis/types.ts';
import { formatBytes, formatChange, formatCount } from '../format.ts';
import { opsetVersion, saveModel, type Model } from '../onnx/index.ts';
import { bestEp, epPreference, type EpStatus, type Runner } from '../runtime/index.ts';
import { applyRecipe, recipeWarnings, USUAL, type QuantizeEdit } from '../transforms/index.ts';
import { checkLines } from './check-report.ts';
import { checkRequest, createRunner } from './check.ts';
import { UsageError } from './failure.ts';
import { batchDims, batchSymbols, refuseUnknownDims, withModel, type Dims } from './model.ts';
import { collectDim, parseEp } from './options.ts';
import { print } from './output.ts';
import { layerTable, totalsLines } from './report.ts';
import { colour, progressLine, table, wrap } from './terminal.ts';
import { changesTable, recipeFor, warningLines } from './transform.ts';
import { memoryLines, verdictLines, type BeforeAfter } from './verdict.ts';

const samples = path.resolve(import.meta.dirname, '../media/samples');
const batchSizes = [1, 8, 32];
/** Rows that still fit on a screen or two. */
const [maxLayers, maxChanges] = [24, 40];

/** As is usual for this processor, which the probe of the EPs measures. */
const usualInt8 = (): QuantizeEdit => ({ ...USUAL['dynamic-int8'], layers: { all: true } });

interface Flags {
  readonly data?: string;
  readonly ep?: EpName;
  readonly dim: Dims;
}

export function demoCommand(signal: AbortSignal): Command {
  return new Command('demo')
    .description('the whole job once: estimate, quantize, check accuracy')
    .argument('[model]', 'an .onnx file; the sample that comes with VRAM Lens otherwise')
    .option('--data <file>', '.npz or .npy with inputs, and labels where there are any')
    .option('--ep <name>', 'execution provider; the best one there is otherwise', parseEp)
    .option('--dim <name=size>', 'size of a symbolic dim; repeat for several', collectDim, {})
    .action(async (model: string | undefined, flags: Flags) => {
      const file = model ?? path.join(samples, 'fmnist_cnn.onnx');
      const data =
        flags.data ?? (model === undefined ? path.join(samples, 'fmnist-test-2000.npz') : undefined);
      const runner = createRunner();
      try {
        await withModel(file, signal, (opened) => demo(opened, { file, data, flags, runner, signal }));
      } finally {
        await runner.dispose();
      }
    });
}

interface Job {
  readonly file: string;
  readonly data: string | undefined;
  readonly flags: Flags;
  readonly runner: Runner;
  readonly signal: AbortSignal;
}

async function demo(model: Model, job: Job): Promise<void> {
  const { file, flags, runner, signal } = job;
  const analysis = analyze(model);
  refuseUnknownDims(flags.dim, [analysis]);
  const statuses = await runner.probeEps({ signal });
  const ep = flags.ep ?? bestEp(statuses);
  const status = statuses.find((s) => s.ep === ep);
  if (status?.available !== true) {
    throw new UsageError(`the EP "${ep}" does not work here: ${status?.detail ?? 'not known'}`);
  }
  const estimate = analysis.estimate({ dims: flags.dim, ep });
  heading(
    path.basename(file),
    `${formatCount(estimate.parameterCount)} parameters · ${formatBytes(model.source.file.sizeBytes)} · opset ${String(opsetVersion(model) ?? 'unknown')}`,
  );
  print(layerTable(estimate, maxLayers));
  print(['', ...totalsLines(estimate)]);

  const output = await outputFile(file);
  const held = await quantizeStep(model, analysis, { ...job, ep, output });

  heading('Check', `original against int8 on ${ep}`);
  print([...epLines(statuses, ep), '']);
  const options = {
    ep,
    opt: 'all',
    dim: flags.dim,
    ...(job.data === undefined ? {} : { data: job.data }),
  } as const;
  const request = await checkRequest(file, output, options, signal, batchSizes);
  const report = await runner.check(request, { signal, onProgress: progressLine() });
  print(checkLines(report));
  if (report.batches.every((b) => b.error !== undefined)) {
    throw new UsageError('no batch size could be run');
  }

  heading('What it comes to', `${path.basename(file)} → ${path.basename(output)}`);
  const fileBytes = { before: model.source.file.sizeBytes, after: (await stat(output)).size };
  print([...verdictLines(report, fileBytes), '', ...memoryLines(report, held)]);

  heading('Next', '');
  print([
    `The int8 model lies in ${colour.bold(output)}; the original was not touched.`,
    `The same in VS Code: ${colour.bold('npm start -- --open')} ${colour.dim('(right-click a model → Quantize)')}`,
    `Your own model: ${colour.bold('npm start -- path/to/model.onnx')} ${colour.dim('[--data inputs.npz] [--ep webgpu]')}`,
  ]);
}

async function quantizeStep(
  model: Model,
  analysis: Analysis,
  { file, output, ep, flags, signal }: Job & { readonly ep: EpName; readonly output: string },
): Promise<ReadonlyMap<number, BeforeAfter>> {
  const int8 = usualInt8();
  const recipe = recipeFor(model, file, int8);
  const { model: quantized, changes, warnings } = applyRecipe(model, recipe);
  const applied = changes.filter((c) => c.status === 'applied');
  const withWeights = changes.filter((c) => c.beforeBytes > 0);
  heading('Quantize to int8', `${applied.length} of ${withWeights.length} layers, one scale per tensor`);
  if (applied.length === 0) {
    throw new UsageError(`no layer can be quantized; ${changes[0]?.reason ?? 'none holds weights'}`);
  }
  print(changesTable(changes, [int8], maxChanges));
  const pairs = estimatePairs(analysis, analyze(quantized), ep, flags.dim);
  print(['', ...beforeAfter(pairs, ep)]);
  const said = [...warnings, ...recipeWarnings(model, recipe, ep)];
  if (said.length > 0) print(['', ...warningLines(said)]);
  await saveModel(quantized, output, { signal, onProgress: progressLine() });
  return new Map(
    pairs.flatMap(({ n = 1, before, after }) => {
      const [a, b] = [before.heldPeak.bytes, after.heldPeak.bytes];
      return a === undefined || b === undefined ? [] : [[n, { before: a, after: b }] as const];
    }),
  );
}

interface EstimatePair {
  /** Batch size; undefined where the model fixes it. */
  readonly n: number | undefined;
  readonly before: MemoryEstimate;
  readonly after: MemoryEstimate;
}

function estimatePairs(before: Analysis, after: Analysis, ep: EpName, dims: Dims): EstimatePair[] {
  const sizes = batchSymbols(before).length === 0 ? [undefined] : batchSizes;
  return sizes.map((n) => {
    const at = n === undefined ? dims : { ...dims, ...batchDims(before, n) };
    return { n, before: before.estimate({ dims: at, ep }), after: after.estimate({ dims: at, ep }) };
  });
}

/** A folder of this user's, since others may use the same machine; the model's own folder stays as it is. */
async function outputFile(file: string): Promise<string> {
  const folder = path.join(tmpdir(), `vram-lens-demo-${process.getuid?.() ?? 'user'}`);
  await mkdir(folder, { recursive: true });
  return path.join(folder, `${path.basename(file, '.onnx')}.int8.onnx`);
}

/** What was chosen, and why none that would be better. What this build of ONNX Runtime cannot have at all is no news. */
function epLines(statuses: readonly EpStatus[], chosen: EpName): string[] {
  const better = epPreference.slice(0, epPreference.indexOf(chosen));
  const reasons = new Map<string, string[]>();
  for (const { ep, available, detail, isInBuild } of statuses) {
    if (!better.includes(ep) || isInBuild !== true) continue;
    const reason = available ? `works, but ${detail}` : detail;
    reasons.set(reason, [...(reasons.get(reason) ?? []), ep]);
  }
  const device = statuses.find((s) => s.ep === chosen)?.detail ?? 'not known';
  return [
    ...[...reasons].flatMap(([why, eps]) => wrap(colour.dim(`· ${eps.join(', ')}: ${why}`), 2)),
    `${colour.green('✓')} ${chosen}: ${device}`,
  ];
}

/** Peak memory per batch size, before and after; and why it hardly falls, where it does not. */
function beforeAfter(pairs: readonly EstimatePair[], ep: EpName): string[] {
  const text = (bytes: number | undefined) => (bytes === undefined ? 'unknown' : formatBytes(bytes));
  const rows = pairs.map(({ n, before, after }) => {
    const [float, int] = [before.heldPeak.bytes, after.heldPeak.bytes];
    const isKnown = float !== undefined && int !== undefined;
    return [
      n === undefined ? 'fixed' : String(n),
      text(float),
      isKnown && int < float ? colour.green(text(int)) : text(int),
      isKnown ? formatChange(float, int) : '',
    ];
  });
  const lines = table(
    [
      { title: 'batch', align: 'right' },
      { title: `predicted peak on ${ep}`, align: 'right' },
      { title: 'int8', align: 'right' },
      { title: '' },
    ],
    rows,
  );
  const last = pairs.at(-1);
  return last === undefined ? lines : [...lines, ...activationsNote(last.before, last.after)];
}

/** Less than this is not what one compresses for. */
const littleGain = 0.1;

function activationsNote(before: MemoryEstimate, after: MemoryEstimate): string[] {
  const [peak, int8Peak, activations] = [
    before.heldPeak.bytes,
    after.heldPeak.bytes,
    before.peakActivation.bytes,
  ];
  if (peak === undefined || int8Peak === undefined || activations === undefined) return [];
  if (int8Peak < peak * (1 - littleGain) || activations < peak / 2) return [];
  return wrap(
    colour.yellow(
      `! The peak is activations (${formatBytes(activations)} of ${formatBytes(peak)} at the largest batch), which int8 weights do not shrink; a smaller batch does.`,
    ),
    2,
  );
}

function heading(title: string, detail: string): void {
  const head = colour.bold(colour.cyan(`● ${title}`));
  print(['', detail === '' ? head : `${head}  ${colour.dim(detail)}`, '']);
}
