/**
 * What a compression comes to: answers, size and speed in a line each, memory in a table, of which each line counts
 * the same before and after. Good news and bad alike; figures within the noise of a measurement are called equal.
 */
import { formatBytes, formatChange, formatPercent } from '../format.ts';
import type { BatchResult, CheckReport } from '../runtime/types.ts';
import { decibels, formatMs } from './check-report.ts';
import { colour, table, wrap } from './terminal.ts';

/** Latency and process memory swing by so much between two runs of the same model. */
const noise = 0.1;
/** A loss of accuracy that few would mind: half a percentage point. */
const smallLoss = 0.005;

/** By the noise's share of the signal: 3 %, 10 %. */
const closeness = [
  { fromDb: 30, mark: 'good', word: "the answers stay close to the original's" },
  { fromDb: 20, mark: 'even', word: "the answers differ a little from the original's" },
  { fromDb: -Infinity, mark: 'bad', word: "the answers differ from the original's" },
] as const;

/** Below it, a process's growth is ONNX Runtime itself. */
const telling = 64 * 1024 * 1024;

type Mark = 'good' | 'bad' | 'even';
const marks: Readonly<Record<Mark, string>> = { good: '✓', bad: '✗', even: '·' };

export interface BeforeAfter {
  readonly before: number;
  readonly after: number;
}

/** Nothing where no batch size could be run. */
export function verdictLines(report: CheckReport, fileBytes: BeforeAfter): string[] {
  const done = report.batches.filter((b) => b.error === undefined);
  const last = done.at(-1);
  if (last === undefined) return [];
  return [answers(done), size(fileBytes), speed(last)]
    .filter((v) => v !== undefined)
    .map(([mark, text]) => {
      const paint = { good: colour.green, bad: colour.red, even: colour.dim }[mark];
      return `${paint(marks[mark])} ${text}`;
    });
}

type Verdict = readonly [Mark, string];

function answers(done: readonly BatchResult[]): Verdict | undefined {
  const losses = done.map((b) => ({ before: b.original?.accuracy, after: b.compressed?.accuracy }));
  const [worst] = losses
    .flatMap(({ before, after }) => (before === undefined || after === undefined ? [] : [{ before, after }]))
    .sort((a, b) => b.before - b.after - (a.before - a.after));
  if (worst !== undefined) {
    const { before, after } = worst;
    const figures = `${formatPercent(before)} → ${formatPercent(after)} of the labels right`;
    return before - after <= smallLoss
      ? ['good', `accuracy is kept: ${figures}`]
      : ['bad', `accuracy is lost: ${figures}, ${((before - after) * 100).toFixed(1)} points less`];
  }
  const [noisiest] = done.flatMap((b) => b.outputs).sort((a, b) => a.sqnrDb - b.sqnrDb);
  if (noisiest === undefined) return undefined;
  const agreement =
    noisiest.top1Agreement === undefined
      ? ''
      : `, the same top-1 on ${formatPercent(noisiest.top1Agreement)}`;
  const { sqnrDb } = noisiest;
  const { mark, word } = closeness.find((c) => sqnrDb >= c.fromDb) ?? closeness[2];
  return [mark, `${word}: SQNR ${decibels(noisiest)} dB${agreement} (no labels were given)`];
}

function size({ before, after }: BeforeAfter): Verdict {
  return [after < before ? 'good' : 'bad', `the file ${changeText(before, after, formatBytes)}`];
}

/**
 * The peak at the smallest and the largest batch that ran: weights weigh most in the one, activations in the other.
 * @param held predicted bytes of everything held at the peak, by batch size: what the allocator does not report, too
 */
export function memoryLines({ batches }: CheckReport, held: ReadonlyMap<number, BeforeAfter>): string[] {
  const done = batches.filter((b) => b.error === undefined);
  const ends = [...new Set([done[0], done.at(-1)])].filter((b) => b !== undefined);
  const rows = ends.flatMap((batch) =>
    memoryRows(batch, held.get(batch.batchSize)).map((cells, i) => [
      i === 0 ? `batch ${batch.batchSize}` : '',
      ...cells,
    ]),
  );
  if (rows.length === 0) return [];
  const columns = [
    { title: 'peak memory' },
    { title: 'of what' },
    { title: 'original', align: 'right' },
    { title: 'int8', align: 'right' },
    { title: '', align: 'right' },
  ] as const;
  const note = ends.some(({ original }) => isArena(original))
    ? wrap(
        colour.dim(
          'The arena leaves out weights as stored, which int8 shrinks; it holds activations, of which int8 adds some.',
        ),
        0,
      )
    : [];
  return [...table(columns, rows), ...note];
}

function memoryRows(batch: BatchResult, held: BeforeAfter | undefined): string[][] {
  const { original, compressed } = batch;
  const name = isArena(original) ? 'in the arena of ONNX Runtime' : (original?.peakSource ?? '');
  const [before = 0, after = 0] = [original?.processPeakBytes, compressed?.processPeakBytes];
  // the process holds everything, but a small model drowns in it
  const isTelling = original?.peakBytes !== before && Math.max(before, after) >= telling;
  return [
    memoryRow('all that is held, predicted', held?.before, held?.after),
    memoryRow(`${name}, predicted`, original?.predictedPeakBytes, compressed?.predictedPeakBytes),
    memoryRow(`${name}, measured`, original?.peakBytes, compressed?.peakBytes),
    isTelling ? memoryRow('growth of the process, measured', before, after) : undefined,
  ].filter((row) => row !== undefined);
}

function isArena(run: BatchResult['original']): boolean {
  return run?.peakSource.startsWith('ORT arena') === true;
}

/** Undefined where one of the two is not known. */
function memoryRow(of: string, before: number | undefined, after: number | undefined): string[] | undefined {
  if (before === undefined || after === undefined || before === 0) return undefined;
  const paint = { good: colour.green, bad: colour.red, even: colour.dim }[markOf(before, after, 0.02)];
  return [of, formatBytes(before), formatBytes(after), paint(formatChange(before, after))];
}

function speed(batch: BatchResult): Verdict | undefined {
  const [before, after] = [batch.original?.latencyP50Ms, batch.compressed?.latencyP50Ms];
  if (before === undefined || after === undefined || before === 0) return undefined;
  const factor = after > before ? after / before : before / after;
  const word =
    Math.abs(after - before) / before <= noise
      ? 'as fast as before'
      : `${factor.toFixed(1)} times as ${after > before ? 'slow' : 'fast'}`;
  const mark = markOf(before, after, noise);
  return [mark, `${word} at batch ${batch.batchSize}: ${formatMs(before)} → ${formatMs(after)} ms`];
}

function markOf(before: number, after: number, tolerance: number): Mark {
  const growth = (after - before) / before;
  if (Math.abs(growth) <= tolerance) return 'even';
  return growth < 0 ? 'good' : 'bad';
}

function changeText(before: number, after: number, format: (v: number) => string): string {
  if (before === after) return `stays at ${format(before)}`;
  const how = after < before ? 'shrinks' : 'grows';
  return `${how} by ${formatPercent(Math.abs(after - before) / before)}: ${format(before)} → ${format(after)}`;
}
