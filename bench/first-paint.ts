/**
 * Entry (`npm run bench:paint`): time from the double click on a model in the Explorer to the first painted row of its
 * layer table, and to the figures in it, in a real VS Code; for models of about 100 MB and 1 GB, and for one of 10,000
 * nodes. A name (`npm run bench:paint -- 3 10000-nodes.onnx`) opens that one alone, and so as the first.
 */
import path from 'node:path';
import { Readable } from 'node:stream';
import { DataType, saveModel, type Model, type TensorRef } from '../src/onnx/index.ts';
import { graph, model, node, value } from '../test/support/model-builder.ts';
import { Workbench } from '../test/support/workbench.ts';

const runs = Number(process.argv[2] ?? 5);
const only = process.argv[3];

const models: readonly (readonly [name: string, make: () => Model])[] = [
  ['100-mb.onnx', () => perceptron({ layers: 24, width: 1024 })],
  ['1-gb.onnx', () => perceptron({ layers: 60, width: 2048 })],
  ['10000-nodes.onnx', () => perceptron({ layers: 3333, width: 8 })],
];

const workbench = await Workbench.start({
  fill: async (folder) => {
    for (const [name, make] of models) await saveModel(make(), path.join(folder, name));
  },
});
try {
  console.log(
    '| model | first | with figures | median of later openings | with figures |\n|---|---|---|---|---|',
  );
  for (const [name] of models.filter(([n]) => only === undefined || n === only)) {
    const times: Times[] = [];
    for (let i = 0; i < runs; i++) times.push(await openOnce(name));
    const [first, ...later] = times;
    const cells = (['paintMs', 'figuresMs'] as const).map((key) => {
      const sorted = (later.length > 0 ? later : times).map((t) => t[key]).sort((a, b) => a - b);
      return [first?.[key] ?? NaN, sorted[Math.floor(sorted.length / 2)] ?? NaN] as const;
    });
    const columns = [0, 1].flatMap((i) => cells.map((c) => `${Math.round(c[i] ?? NaN)} ms`));
    console.log(`| ${[name, ...columns].join(' | ')} |`);
  }
} finally {
  await workbench.stop();
}

interface Times {
  readonly paintMs: number;
  /** Until the activations of the first row are there. */
  readonly figuresMs: number;
}

async function openOnce(name: string): Promise<Times> {
  const file = workbench.file(name);
  await file.click();
  await workbench.page.keyboard.press('Escape');
  const start = performance.now();
  await file.dblclick();
  await workbench.editor.locator('#layer-grid [role=row] .cell-weights').first().waitFor();
  const paintMs = performance.now() - start;
  await workbench.editor
    .locator('#layer-grid[aria-busy=false] [role=row] .cell-activations')
    .first()
    .waitFor();
  const figuresMs = performance.now() - start;
  await workbench.command('View: Close All Editors');
  await workbench.page.locator('.editor-group-container.empty').waitFor();
  return { paintMs, figuresMs };
}

/** `layers` × (MatMul [width, width], Add, Relu): layers·width²·4 bytes of weights, 3·layers nodes. */
function perceptron({ layers, width }: { readonly layers: number; readonly width: number }): Model {
  const initializers: TensorRef[] = [];
  const nodes = Array.from({ length: layers }, (_, i) => {
    const [w, b, y] = [`w${i}`, `b${i}`, `y${i}`];
    initializers.push(weights(w, [width, width]), weights(b, [width]));
    return [
      node('MatMul', [i === 0 ? 'x' : `y${i - 1}`, w], [`m${i}`], { name: `/block.${i}/MatMul` }),
      node('Add', [`m${i}`, b], [`a${i}`], { name: `/block.${i}/Add` }),
      node('Relu', [`a${i}`], [y], { name: `/block.${i}/Relu` }),
    ];
  }).flat();
  return model(
    graph({
      inputs: [value('x', ['batch', width])],
      nodes,
      outputs: [value(`y${layers - 1}`, ['batch', width])],
      initializers,
    }),
  );
}

/** Float32 values in a stream, so that a model of any size is written in little memory. */
function weights(name: string, dims: readonly number[]): TensorRef {
  const byteLength = 4 * dims.reduce((product, d) => product * d, 1);
  return {
    name,
    dataType: DataType.float,
    dims,
    location: { kind: 'computed', byteLength, produce: () => Readable.from(ramp(byteLength)) },
  };
}

function* ramp(byteLength: number): Generator<Uint8Array, void, undefined> {
  const block = new Uint8Array(Float32Array.from({ length: 65_536 }, (_, i) => Math.sin(i) / 32).buffer);
  for (let at = 0; at < byteLength; at += block.length)
    yield block.subarray(0, Math.min(block.length, byteLength - at));
}
