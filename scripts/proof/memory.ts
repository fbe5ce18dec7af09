/**
 * Memory at run time by form and EP, beside what the estimate predicts. Prints a table in Markdown; each model runs in a
 * process of its own. What counts is what it takes more than a twin with less weights that runs the same kernels: of
 * device memory where SwiftShader's can be told (bench/memory/vulkan.ts), else of resident memory.
 *
 *     node --import=tsx scripts/proof/memory.ts [cpu,webgpu] [OPERATOR] [FORM]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { analyze, weightBehaviour, type EpName, type WeightForm } from '../../src/analysis/index.ts';
import { DataType, openModel, saveModel, type Model, type TensorRef } from '../../src/onnx/index.ts';
import { tensorByteLength } from '../../src/onnx/datatype.ts';
import { applyRecipe, type BlocksEdit, type Edit } from '../../src/transforms/index.ts';
import { vulkanLog } from '../../bench/memory/vulkan.ts';
import { graph, model, node, value } from '../../test/support/model-builder.ts';
import { measure } from '../calibrate/measure.ts';
import { randomTensor } from './large-model.ts';

const [names = 'cpu,webgpu', only = '', wanted = ''] = process.argv.slice(2);
const eps = names.split(',') as EpName[];
const MiB = 2 ** 20;

/** 128 MiB of float32 more in the whole than in its twin; matrices of one width, as kernels are compiled for it. */
const SUBJECTS = [
  { opType: 'MatMul', build: (length: number) => products(length, 2048), whole: 12, twin: 4 },
  { opType: 'Gather', build: (rows: number) => lookup(rows, 512), whole: 65792, twin: 256 },
] as const;

const layers = { all: true } as const;
const inBlocks = (options: Partial<BlocksEdit>): Edit => ({
  ...{ type: 'quantize', layers, form: 'blocks', bits: 4, blockSize: 32 },
  ...options,
});
const FORMS: readonly { readonly title: string; readonly form: WeightForm; readonly edit?: Edit }[] = [
  { title: 'float32', form: 'float32' },
  {
    title: 'dynamic int8',
    form: 'dynamic-int8',
    edit: {
      ...{ type: 'quantize', layers, form: 'dynamic-int8', reduceRange: false },
      ...{ granularity: 'per-tensor', weightType: 'int8' },
    },
  },
  { title: '8-bit blocks', form: 'matmulnbits-8', edit: inBlocks({ bits: 8 }) },
  { title: '4-bit blocks', form: 'matmulnbits-4', edit: inBlocks({}) },
  { title: '2-bit blocks', form: 'matmulnbits-2', edit: inBlocks({ bits: 2 }) },
  { title: '4-bit blocks of 128', form: 'matmulnbits-4', edit: inBlocks({ blockSize: 128 }) },
  {
    title: '8-bit blocks by DequantizeLinear',
    form: 'dequantize-int8',
    edit: inBlocks({ bits: 8, operator: 'DequantizeLinear' }),
  },
  {
    title: '4-bit blocks by DequantizeLinear',
    form: 'dequantize-int4',
    edit: inBlocks({ operator: 'DequantizeLinear' }),
  },
];

const OPSET = { irVersion: 10, opsets: { '': 21 } };

function products(length: number, width: number): Model {
  const weights = Array.from({ length }, (_, i) => randomTensor(`W${i}`, [width, width], i));
  const nodes = weights.map((w, i) =>
    node('MatMul', [i === 0 ? 'x' : `h${i}`, w.name], [i === length - 1 ? 'y' : `h${i + 1}`], {
      name: `fc${i}`,
    }),
  );
  return built([value('x', [4, width])], nodes, weights);
}

function lookup(rows: number, width: number): Model {
  const table: TensorRef = randomTensor('E', [rows, width], 1);
  const nodes = [node('Gather', ['E', 'i'], ['y'], { name: 'emb' })];
  return built([value('i', [16], DataType.int64)], nodes, [table]);
}

function built(
  inputs: ReturnType<typeof value>[],
  nodes: ReturnType<typeof node>[],
  initializers: TensorRef[],
): Model {
  const made = model(graph({ inputs, outputs: [value('y')], nodes, initializers }));
  return { ...made, irVersion: OPSET.irVersion, opsetImports: [{ domain: '', version: 21 }] };
}

/** Saves the model in that form. @returns stored bytes of its weights; undefined where the form does not apply */
async function write(source: string, edit: Edit | undefined, target: string): Promise<number | undefined> {
  const opened = await openModel(source);
  try {
    const edits = edit === undefined ? [] : [edit];
    const recipe = { version: 1, source: { name: source, sizeBytes: 0 }, edits } as const;
    const { model: changed, changes } = applyRecipe(opened, recipe);
    if (edit !== undefined && !changes.some((c) => c.status === 'applied')) return undefined;
    await saveModel(changed, target);
    return [...changed.graph.initializers.values()].reduce((sum, t) => sum + tensorByteLength(t), 0);
  } finally {
    await opened.source.close();
  }
}

/** The weights as held; on a device also what is expanded of them, and the other buffers. */
async function predictedBytes(file: string, ep: EpName): Promise<number> {
  const opened = await openModel(file);
  try {
    const estimate = analyze(opened).estimate({ ep, optimization: 'all' });
    const { deviceWeights, weightsBeside, heldPeak, overhead } = estimate;
    const bytes = (figure: { bytes: number | undefined }) => figure.bytes ?? Number.NaN;
    return ep === 'cpu' ? bytes(deviceWeights) + bytes(weightsBeside) : bytes(heldPeak) - bytes(overhead);
  } finally {
    await opened.source.close();
  }
}

/** What it takes, and which kernels ran. */
async function take(file: string, ep: EpName): Promise<{ bytes: number; kernels: string }> {
  const log = ep === 'webgpu' ? device : undefined;
  const settings = { ep, optimization: 'all', environment: log?.environment ?? {} } as const;
  const { heldBytes, kernels } = await measure(file, settings);
  const names = Object.entries(kernels).map(([kernel, count]) => `${kernel} ×${count}`);
  return { bytes: (await log?.peakBytes()) ?? heldBytes, kernels: names.join(', ') };
}

const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-proof-'));
const device = eps.includes('webgpu') ? await vulkanLog(folder) : undefined;
try {
  console.log('| operator | form | stored | EP | in use | predicted | kernels |');
  console.log('|---|---|--:|---|--:|--:|---|');
  for (const { opType, build, ...sizes } of SUBJECTS.filter((s) => s.opType.includes(only))) {
    const [whole, twin] = [path.join(folder, 'whole.onnx'), path.join(folder, 'twin.onnx')];
    await saveModel(build(sizes.whole), whole);
    await saveModel(build(sizes.twin), twin);
    for (const { title, form, edit } of FORMS.filter((f) => f.title.includes(wanted))) {
      const [file, empty] = [path.join(folder, 'form.onnx'), path.join(folder, 'empty.onnx')];
      const stored = await write(whole, edit, file);
      const rest = await write(twin, edit, empty);
      if (stored === undefined || rest === undefined) continue;
      for (const ep of eps) {
        try {
          const [run, base] = [await take(file, ep), await take(empty, ep)];
          const { fate } = weightBehaviour(ep, opType, form);
          const heldBytes = (await predictedBytes(file, ep)) - (await predictedBytes(empty, ep));
          const predicted = fate === 'cpu-fallback' ? 'on the CPU' : `${(heldBytes / MiB).toFixed(1)} MiB`;
          const cells = [
            opType,
            title,
            `${((stored - rest) / MiB).toFixed(0)} MiB`,
            ep,
            `${((run.bytes - base.bytes) / MiB).toFixed(1)} MiB`,
          ];
          console.log(`| ${[...cells, predicted, run.kernels].join(' | ')} |`);
        } catch (error) {
          console.log(
            `| ${opType} | ${title} | | ${ep} | does not run here: ${String(error).slice(0, 120)} | | |`,
          );
        }
      }
    }
  }
} finally {
  await rm(folder, { recursive: true });
}
