/** A document whose recipe writes out local functions: its rows, and all that is done to them, are of what was inside. */
import './vscode-words.ts';
import assert from 'node:assert/strict';
import path from 'node:path';
import { usualEdit } from '../../../extension/forms.ts';
import type { DocumentState } from '../../../extension/session/protocol.ts';
import type { Jobs, Queries } from '../../../extension/session/queries.ts';
import { Session } from '../../../extension/session/session.ts';
import { FUNCTIONS } from '../../../extension/text/waste.ts';
import type { EstimateView } from '../../../src/protocol.ts';
import { openModel, saveModel, type Model } from '../../../src/onnx/index.ts';
import {
  parseRecipe,
  RECIPE_METADATA_KEY,
  removeLayers,
  type CleanEdit,
  type Edit,
} from '../../../src/transforms/index.ts';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';
import { TestFolder } from '../runtime/numpy-files.ts';
import { Workers } from '../runtime/worker-bundle.ts';
import { quantize, recipe } from '../transforms/edits.ts';
import { squared, withData } from '../transforms/prune/repair-cases.ts';
import { channels, feeds, run } from '../transforms/prune/zeroed.ts';

const inline: CleanEdit = { type: 'clean', unused: false, inline: true };

/** Two calls of a Conv with a Relu, and a Conv that reads what they give. */
function calling(
  nodes = [node('Conv', ['x', 'w', 'b'], ['c'], { name: 'conv' }), node('Relu', ['c'], ['y'])],
  version = 17,
): Model {
  const call = (x: string, name: string) =>
    node('Layer', [x, `${name}.w`, `${name}.b`], [name], { domain: 'my', name });
  const layer = {
    ...{ name: 'Layer', domain: 'my', overload: '', inputs: ['x', 'w', 'b'], outputs: ['y'], nodes },
    ...{ valueInfo: new Map(), attributes: [], attributeDefaults: [] },
    opsetImports: [
      { domain: '', version },
      { domain: 'my', version: 1 },
    ],
  };
  return model(
    graph({
      inputs: [value('x', [1, 3, 4, 4])],
      outputs: [value('last', [1, 2, 4, 4])],
      initializers: [
        ...[floats('a.w', [8, 3, 1, 1]), floats('a.b', [8]), floats('b.w', [8, 8, 1, 1])],
        ...[floats('b.b', [8]), floats('last.w', [2, 8, 1, 1])],
      ],
      nodes: [call('x', 'a'), call('a', 'b'), node('Conv', ['b', 'last.w'], ['last'], { name: 'last' })],
    }),
    { opset: 17, irVersion: 9, opsets: { my: 1 }, functions: [layer] },
  );
}

describe('extension: local functions written out', () => {
  const folder = new TestFolder();
  const workers = new Workers();
  const session = new Session({
    read: () => Promise.reject(new Error('read')),
    progress: () => Promise.resolve(),
  });
  let file: string;
  let id: number;

  const opened = async (m: Model, name: string): Promise<void> => {
    file = await folder.write(name, new Uint8Array());
    await saveModel(m, file);
    ({ id } = await session.open({ name: file, path: file }));
  };
  const state = (edits: readonly Edit[]): DocumentState => ({
    ...{ file: id, fileName: 'calls.onnx', recipe: recipe(...edits), isDirty: edits.length > 0 },
    options: { dims: {}, ep: 'cpu', optimization: 'all' },
  });
  const ask = <K extends keyof Queries>(query: K, edits: readonly Edit[], ...args: unknown[]) =>
    session.ask(query, state(edits), args) as Promise<ReturnType<Queries[K]>>;
  const job = <K extends keyof Jobs>(kind: K, edits: readonly Edit[], ...args: unknown[]) =>
    session.run(kind, 1, state(edits), args) as ReturnType<Jobs[K]>;
  const view = async (edits: readonly Edit[]) => JSON.parse(await ask('estimateText', edits)) as EstimateView;
  const saved = async (edits: readonly Edit[], settings?: unknown): Promise<Model> => {
    const target = path.join(path.dirname(file), 'saved.onnx');
    await job('writeChanged', edits, target, settings);
    return read(target);
  };

  const models: Model[] = [];
  const read = async (from: string): Promise<Model> => {
    const found = await openModel(from);
    models.push(found);
    return found;
  };

  beforeEach(() => opened(calling(), 'calls.onnx'));
  afterEach(async () => {
    await Promise.all([session.close(id), ...models.splice(0).map((m) => m.source.close())]);
  });

  it('are offered as a fix, once for the model, until they are', async () => {
    const of = async (edits: readonly Edit[]) =>
      (await ask('problems', edits)).filter((p) => p.code === FUNCTIONS);
    const [problem, ...others] = await of([]);
    assert.match(problem?.message ?? '', /^Layers inside local functions cannot be pruned or .*; calls: 2$/);
    assert.deepEqual([others, await of([inline])], [[], []]);
    assert.deepEqual(await ask('outcomeOf', [], [inline]), { changed: 2, blocked: [] });
  });

  it('are told of with the reason where they cannot be, without a fix', async () => {
    await session.close(id);
    // Softmax is another operator since
    await opened(calling([node('Softmax', ['x'], ['y'])], 11), 'old.onnx');
    const told = (await ask('problems', [])).filter((p) => p.message.includes('cannot be written out'));
    assert.deepEqual(
      told.map((p) => [p.code, /the function "Layer" is of ai.onnx opset 11/.test(p.message)]),
      [[undefined, true]],
    );
    const { changed, blocked } = await ask('outcomeOf', [], [inline]);
    assert.deepEqual([changed, blocked.map((b) => b.layer)], [0, ['a', 'b']]);
  });

  it('leave rows of what was inside, before and after, and undo brings the calls back', async () => {
    const before = await view([]);
    const after = await view([inline]);
    const can = ({ layers }: EstimateView) => layers.map((l) => [l.id, l.canPrune, l.canQuantize]);
    assert.deepEqual(can(before), [
      ['a/conv', false, false],
      ['b/conv', false, false],
      ['last', true, true],
    ]);
    assert.match(before.layers[0]?.blocked ?? '', /^It is inside a local function: write these out first/);
    assert.deepEqual(can(after), [
      ['a/conv', true, true],
      ['b/conv', true, true],
      ['last', true, true],
    ]);
    const { layers, edits } = after;
    assert.deepEqual([after.totals, after.before], [before.totals, before.totals]);
    assert.deepEqual([edits.length, edits[0]?.warnings], [1, []]);
    const conv = layers.find((l) => l.id === 'b/conv');
    assert.deepEqual(
      [conv?.opType, conv?.parameterBytes, conv?.canQuantize, conv?.canPrune, conv?.change],
      ['Conv', 4 * (64 + 8), true, true, undefined],
    );
    const { text } = await ask('text', [inline], 'current');
    assert.match(text, /b\/conv/);
    const original = await ask('text', [inline], 'original');
    assert.equal(original.text, (await ask('text', [], 'original')).text);
  });

  it('are edited further on the rows inside, each taken back on its own', async () => {
    const prune = channels({ layers: { nodes: ['a/conv'] } });
    const preview = await ask('previewView', [inline], { edits: [prune] });
    assert.deepEqual(
      preview.layers.map((l) => l.layerId),
      ['a/conv', 'b/conv'],
    );
    const edits = [inline, prune, quantize({ layers: { nodes: ['b/conv'] } })];
    const after = await view(edits);
    assert.deepEqual(
      after.layers.map((l) => [l.id, l.change?.status]),
      [
        ['a/conv', 'applied'],
        ['b/conv', 'applied'],
        ['last', undefined],
      ],
    );
    const at = (wanted: string) => after.layers.find((l) => l.id === wanted);
    assert.equal(at('a/conv')?.change?.beforeBytes, 4 * (24 + 8));
    assert.equal(at('a/conv')?.parameterBytes, 4 * (12 + 4));
    assert.equal(at('last')?.parameterBytes, 64);
    assert.deepEqual(await ask('changedNodes', edits, 'b/conv'), ['b/conv', 'b/conv']);
    const { edits: left } = removeLayers(recipe(...edits), ['b/conv']);
    assert.deepEqual(left, [inline, prune]);
    const importance = await job('importanceView', [inline], 'b/conv', {
      kind: 'channels',
      importance: 'l1',
      ratio: 0.5,
      repair: 'none',
    });
    assert.equal(importance.parts.length, 1);
    const weights = await job('weightsView', [inline, edits[2]!], 'b/conv');
    assert.ok(weights?.shape === '8 × 8 × 1 × 1' && weights.after !== undefined);
  });

  it('are saved with what was done to them, and the recipe, which gives the same again', async () => {
    const input = feeds({ x: [1, 3, 4, 4] });
    const flat = await saved([inline]);
    assert.deepEqual(flat.functions, []);
    const own = await read(file);
    assert.deepEqual((await run(flat, input))['last']?.data, (await run(own, input))['last']?.data);
    const edits = [inline, channels({ layers: { nodes: ['a/conv'] } })];
    const first = await saved(edits);
    const kept = first.metadata.find((m) => m.key === RECIPE_METADATA_KEY)?.value ?? '';
    assert.deepEqual(parseRecipe(kept).edits, edits);
    const [once, again] = [await run(first, input), await run(await saved(parseRecipe(kept).edits), input)];
    assert.deepEqual(once['last']?.data, again['last']?.data);
    assert.deepEqual(first.graph.initializers.size, own.graph.initializers.size);
    // the original is the file as it is
    const copy = path.join(path.dirname(file), 'copy.onnx');
    await job('writeOriginal', edits, copy);
    assert.deepEqual((await read(copy)).functions.length, 1);
  });

  it('are run as they are written out, where an edit looks at what goes through them', async () => {
    const settings = { granularity: 'per-channel', weights: 'usual' } as const;
    const edits = [inline, usualEdit('static', { nodes: ['b/conv'] }, settings)];
    const changed = await saved(edits, { runner: { workerPath: workers.bundle }, isOnDisk: true });
    assert.ok(changed.graph.nodes.some((n) => n.opType === 'QLinearConv' || n.opType === 'DequantizeLinear'));
    const input = feeds({ x: [1, 3, 4, 4] });
    const data = [...((await run(changed, input))['last']?.data ?? [])];
    assert.ok(data.length === 32 && data.every(Number.isFinite));
  });

  it('are so for repair by least squares, too, which the command line asks for', async () => {
    const input = feeds({ x: [1, 3, 4, 4] });
    const edits = [inline, channels({ layers: { nodes: ['a/conv'] }, repair: 'least-squares' })];
    const use = async (changed: Model, warnings: readonly string[]) => {
      const target = folder.file('repaired.onnx');
      await saveModel(changed, target);
      return { warnings, last: (await run(await read(target), input))['last'] };
    };
    const options = { folder, runner: () => workers.shared };
    const { warnings, last } = await withData({ model: calling(), input }, edits, use, options);
    const plain = await run(await saved([inline, channels({ layers: { nodes: ['a/conv'] } })]), input);
    const original = await run(await read(file), input);
    assert.deepEqual(warnings, []);
    const loss = (of: typeof last) => squared(of!, original['last']!);
    assert.ok(loss(last) < loss(plain['last']) / 2, `${loss(last)}, ${loss(plain['last'])}`);
  });
});
