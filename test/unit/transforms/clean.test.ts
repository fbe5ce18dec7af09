/** Unused and duplicate initializers go; the model gives what it gave. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { modelStream, openModel, readTensor, saveModel } from '../../../src/onnx/index.ts';
import { DataType, type Model } from '../../../src/onnx/model.ts';
import {
  applyRecipe,
  findDuplicates,
  knownDuplicates,
  type CleanEdit,
} from '../../../src/transforms/index.ts';
import {
  collect,
  encode,
  floats,
  graph,
  ints,
  model,
  node,
  ramp,
  reopen,
  strings,
  tensor,
  value,
  type GraphSpec,
} from '../../support/model-builder.ts';
import { inTemporaryFolder } from '../../support/onnx-files.ts';
import { listing, quantize, recipe } from './edits.ts';
import { feeds, furthest, run } from './prune/zeroed.ts';

const x = feeds({ x: [2, 48] });
/** Larger than what is read when a model is opened. */
const large = (name: string, scale = 1) =>
  floats(
    name,
    [48, 48],
    ramp(48 * 48).map((v) => v * scale),
  );
const unused: CleanEdit = { type: 'clean', unused: true };
const merge = (...duplicates: string[][]): CleanEdit => ({ type: 'clean', unused: false, duplicates });

/** y = ((x·a + bias)·b + bias2)·c; a and b are equal, and so are the biases; `spare` is used by nothing. */
function net(spec: Partial<GraphSpec> = {}): Model {
  return model(
    graph({
      inputs: [value('x', [2, 48])],
      outputs: [value('y', [2, 48])],
      initializers: [
        ...[large('a'), large('b'), large('c', 2), large('spare')],
        ...[floats('bias', [48], ramp(48)), floats('bias2', [48], ramp(48))],
      ],
      nodes: [
        node('Gemm', ['x', 'a', 'bias'], ['h'], { name: 'first' }),
        node('Gemm', ['h', 'b', 'bias2'], ['i'], { name: 'second' }),
        node('MatMul', ['i', 'c'], ['y'], { name: 'third' }),
      ],
      ...spec,
    }),
  );
}

const names = ({ graph: g }: Model): string[] => [...g.initializers.keys()];
const rows = (m: Model, ...edits: CleanEdit[]) =>
  applyRecipe(m, recipe(...edits)).tensors.map((t) => [t.name, t.status === 'applied' ? t.into : t.reason]);

async function assertSame(before: Model, after: Model): Promise<void> {
  assert.equal(furthest(await run(before, x), await run(after, x)), 0);
}

describe('clean', () => {
  it('finds equal initializers that are used, and makes one of each', async () => {
    const m = await reopen(net());
    const groups = await findDuplicates(m);
    assert.deepEqual(groups, [
      ['a', 'b'],
      ['bias', 'bias2'],
    ]);
    const done = applyRecipe(m, recipe(merge(...groups.map((g) => [...g]))));
    assert.deepEqual(names(done.model), ['a', 'c', 'spare', 'bias']);
    assert.deepEqual(listing(done.model.graph).slice(0, 2), [
      'Gemm(x, a, bias) -> h',
      'Gemm(h, a, bias) -> i',
    ]);
    assert.deepEqual(
      done.tensors.map((t) => [t.name, t.into, t.beforeBytes, t.afterBytes]),
      [
        ['b', 'a', 4 * 48 * 48, 0],
        ['bias2', 'bias', 4 * 48, 0],
      ],
    );
    await assertSame(m, done.model);
    const written = await reopen(done.model);
    assert.deepEqual(
      await readTensor(written, written.graph.initializers.get('a')!),
      await readTensor(m, m.graph.initializers.get('b')!),
    );
  });

  it('removes what nothing uses, and nothing else', async () => {
    const m = await reopen(net());
    const done = applyRecipe(m, recipe(unused));
    assert.deepEqual(names(done.model), ['a', 'b', 'c', 'bias', 'bias2']);
    assert.deepEqual(rows(m, unused), [['spare', undefined]]);
    await assertSame(m, done.model);
    // what stays is what was in the file, byte for byte
    for (const [name, ref] of done.model.graph.initializers)
      assert.equal(ref, m.graph.initializers.get(name));
    assert.ok(done.model.graph.nodes.every((n, i) => n === m.graph.nodes[i]));
    assert.equal(done.model.metadata.length, 1);
  });

  it('goes with other edits, wherever it stands among them', async () => {
    const m = await reopen(net());
    const clean: CleanEdit = { ...unused, duplicates: [['a', 'b']] };
    const [first, last] = [recipe(clean, quantize()), recipe(quantize(), clean)].map((r) =>
      applyRecipe(m, r),
    );
    assert.deepEqual(names(first!.model), names(last!.model));
    assert.ok(!names(first!.model).some((n) => n.startsWith('spare') || n.startsWith('b_')));
    assert.equal(first!.changes.filter((c) => c.status === 'applied').length, 3);
    assert.deepEqual([...new Set(last!.changes.map((c) => c.edit))], [0]);
    const alone = applyRecipe(m, recipe(quantize())).model;
    await assertSame(alone, first!.model);
    await assertSame(alone, last!.model);
  });

  it('leaves a model without waste as it is', () => {
    const m = net({
      initializers: ['a', 'b', 'c']
        .map((n, i) => large(n, i + 1))
        .concat(
          ['bias', 'bias2'].map((n, i) =>
            floats(
              n,
              [48],
              ramp(48).map((v) => v + i),
            ),
          ),
        ),
    });
    const done = applyRecipe(m, recipe(unused));
    assert.equal(done.model, m);
    assert.deepEqual(done.tensors, []);
  });

  describe('with subgraphs', () => {
    const branch = (name: string, body: Partial<GraphSpec>) =>
      graph({ name, outputs: [value(`${name}_y`, [2, 48])], nodes: [], ...body });
    const nested = (body: Partial<GraphSpec>, other: Partial<GraphSpec>): Model =>
      net({
        initializers: [
          large('a'),
          large('b'),
          large('c'),
          tensor('yes', DataType.bool, [], Uint8Array.of(1)),
        ],
        nodes: [
          node('MatMul', ['x', 'a'], ['h'], { name: 'first' }),
          node('If', ['yes'], ['y'], {
            name: 'if',
            then_branch: branch('then', body),
            else_branch: branch('else', other),
          }),
        ],
      });
    const product = (weight: string, out: string) => ({ nodes: [node('MatMul', ['h', weight], [out])] });

    it('counts what they take from outside as used, and renames it there', async () => {
      const m = await reopen(nested(product('b', 'then_y'), product('c', 'else_y')));
      assert.deepEqual(rows(m, unused), []);
      const done = applyRecipe(m, recipe(merge(['a', 'b', 'c'])));
      assert.deepEqual(names(done.model), ['a', 'yes']);
      await assertSame(m, done.model);
    });

    it('removes their own unused ones', async () => {
      const spare = { ...product('b', 'then_y'), initializers: [large('spare')] };
      const m = await reopen(nested(spare, product('c', 'else_y')));
      assert.deepEqual(rows(m, unused), [['spare', undefined]]);
      await assertSame(m, applyRecipe(m, recipe(unused)).model);
    });

    it('does not merge where the name means another value inside', () => {
      const hides = { ...product('b', 'then_y'), initializers: [large('a', 3)] };
      const m = nested(hides, product('c', 'else_y'));
      const [row] = rows(m, merge(['a', 'b']));
      assert.deepEqual(row, ['b', 'at if/then_branch/MatMul_0, "a" is another value']);
    });
  });

  it('keeps graph inputs: the caller may replace them', async () => {
    const inputs = ['x', 'b', 'spare'].map((n) => value(n, n === 'x' ? [2, 48] : [48, 48]));
    const m = await reopen(net({ inputs }));
    assert.deepEqual(rows(m, unused), []);
    assert.deepEqual(await findDuplicates(m), [['bias', 'bias2']]);
    const why = 'it is a graph input, too, which the caller may replace';
    assert.deepEqual(rows(m, merge(['a', 'b'])), [['b', why]]);
    assert.deepEqual(rows(m, merge(['b', 'a'])), [['a', `"b" cannot stand for it: ${why}`]]);
  });

  it('takes initializers of IR version 3, which all are inputs, as the constants that they are', async () => {
    const all = ['a', 'b', 'c', 'spare'].map((n) => value(n, [48, 48]));
    const biases = ['bias', 'bias2'].map((n) => value(n, [48]));
    const m = await reopen({ ...net({ inputs: [value('x', [2, 48]), ...all, ...biases] }), irVersion: 3 });
    const done = applyRecipe(m, recipe({ ...unused, duplicates: [['a', 'b']] }));
    assert.deepEqual(
      done.model.graph.inputs.map((i) => i.name),
      ['x'],
    );
    assert.deepEqual(names(done.model), ['a', 'c', 'bias', 'bias2']);
    assert.ok(done.warnings.some((w) => w.code === 'ir-version-raised'));
    await assertSame(m, done.model);
  });

  it('keeps the names of graph outputs', async () => {
    const outputs = ['y', 'b', 'spare'].map((n) => value(n, n === 'y' ? [2, 48] : [48, 48]));
    const m = await reopen(net({ outputs }));
    assert.deepEqual(rows(m, unused), []);
    assert.deepEqual(rows(m, merge(['a', 'b'])), [['b', 'it is a graph output']]);
    const [group] = await findDuplicates(m);
    assert.deepEqual(group, ['b', 'a']);
    const done = applyRecipe(m, recipe(merge([...group])));
    assert.deepEqual(names(done.model), ['b', 'c', 'spare', 'bias', 'bias2']);
    await assertSame(m, done.model);
  });

  it('touches nothing where other fields may name it: quantization annotations', async () => {
    const plain = net();
    const named = Buffer.from('spare');
    const annotation = Buffer.concat([Buffer.from([0x72, named.length + 2, 0x0a, named.length]), named]);
    const m = await reopen({ ...plain, graph: { ...plain.graph, unknownFields: [annotation] } });
    assert.deepEqual(await findDuplicates(m), []);
    for (const [, reason] of rows(m, { ...unused, duplicates: [['a', 'b']] }))
      assert.match(reason ?? '', /quantization annotations/);
    assert.equal(applyRecipe(m, recipe(unused)).model, m);
  });

  it('leaves sparse initializers, and dense ones beside them', async () => {
    const values = floats('sparse', [2], [1, 2]);
    const indices = ints('', [0, 50]);
    const plain = net();
    const g = {
      ...plain.graph,
      sparseInitializers: [{ values, indices, dims: [48, 48] }],
      nodes: [...plain.graph.nodes.slice(0, 2), node('MatMul', ['i', 'sparse'], ['y'], { name: 'third' })],
    };
    const m = await reopen({ ...plain, graph: g });
    const done = applyRecipe(m, recipe({ ...unused, duplicates: [['a', 'b']] }));
    assert.deepEqual(done.model.graph.sparseInitializers, m.graph.sparseInitializers);
    assert.deepEqual(names(done.model), ['a', 'bias', 'bias2']);
    await assertSame(m, done.model);
  });

  it('removes initializers that a later one of the same name hides', async () => {
    const plain = net();
    const m = await reopen({ ...plain, graph: { ...plain.graph, shadowedInitializers: [large('c', 5)] } });
    assert.equal(m.graph.shadowedInitializers?.length, 1);
    const done = applyRecipe(m, recipe(merge()));
    assert.deepEqual(rows(m, merge()), [['c', 'c']]);
    const written = await reopen(done.model);
    assert.equal(written.graph.shadowedInitializers, undefined);
    await assertSame(plain, written);
  });

  it('refuses what is not equal: at once where it is known, else when it is written', async () => {
    const m = await reopen(
      net({
        initializers: [
          ...[large('a'), large('b', 2), large('c'), strings('s', ['u']), strings('t', ['u'])],
          ...[
            floats('bias', [48], ramp(48)),
            floats(
              'bias2',
              [48],
              ramp(48).map((v) => v + 1),
            ),
          ],
        ],
      }),
    );
    assert.deepEqual(rows(m, merge(['bias', 'bias2'])), [['bias2', '"bias" holds other values']]);
    assert.deepEqual(rows(m, merge(['a', 'bias'])), [['bias', '"a" has another type or shape']]);
    assert.deepEqual(rows(m, merge(['s', 't'])), [['t', 'it holds texts']]);
    assert.deepEqual(rows(m, merge(['a', 'none'])), [['none', 'the model has no initializer "none"']]);
    assert.deepEqual(rows(m, merge(['none', 'a'])), [['a', 'the model has no initializer "none"']]);
    const { model: wrong } = applyRecipe(m, recipe(merge(['a', 'b'])));
    await assert.rejects(encode(wrong), /initializers "a" and "b" do not hold the same/);
    assert.deepEqual(await findDuplicates(m), [['a', 'c']]);
  });

  it('knows ranges of a data file without reading them', async () => {
    await inTemporaryFolder(async (folder) => {
      const size = 4 * 48 * 48;
      const bytes = Buffer.from(Float32Array.from(ramp(48 * 48)).buffer);
      const at = (name: string, offset: number) => ({
        ...large(name),
        location: { kind: 'external', path: 'w.bin', offset, length: size } as const,
      });
      await writeFile(path.join(folder, 'w.bin'), Buffer.concat([bytes, bytes]));
      const file = path.join(folder, 'm.onnx');
      const biases = [
        floats('bias', [48], ramp(48)),
        floats(
          'bias2',
          [48],
          ramp(48).map((v) => v + 1),
        ),
      ];
      const built = net({ initializers: [at('a', 0), at('b', 0), at('c', size), ...biases] });
      await writeFile(file, await collect(modelStream(built, { keepExternalData: true })));
      const m = await openModel(file);
      try {
        assert.deepEqual(knownDuplicates(m), { count: 1, bytes: size });
        const { model: known } = applyRecipe(m, recipe(merge(['a', 'b'])));
        assert.equal(known.graph.initializers.get('a'), m.graph.initializers.get('a'));
        assert.deepEqual(await findDuplicates(m), [['a', 'b', 'c']]);
        const out = path.join(folder, 'out.onnx');
        await saveModel(applyRecipe(m, recipe(merge(['a', 'b', 'c']))).model, out);
        const written = await openModel(out);
        await assertSame(net({ initializers: [large('a'), large('b'), large('c'), ...biases] }), written);
        await written.source.close();
      } finally {
        await m.source.close();
      }
    });
  });

  it('reads in chunks, and stops when told to', async () => {
    const m = await reopen(net());
    const seen: number[] = [];
    await findDuplicates(m, { onProgress: (done, total) => seen.push(done / total) });
    assert.equal(seen.at(-1), 1);
    await assert.rejects(findDuplicates(m, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  });
});
