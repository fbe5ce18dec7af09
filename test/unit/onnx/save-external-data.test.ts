/** External data moved out and in again. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  allTensors,
  DataType,
  openModel,
  readTensor,
  saveModel,
  type Model,
} from '../../../src/onnx/index.ts';
import { constant, encode, floats, graph, model, node, reopen, value } from '../../support/model-builder.ts';
import { inTemporaryFolder } from '../../support/onnx-files.ts';
import { sameWeights, weight } from './external-models.ts';

describe('saving a model with external data', () => {
  /** A model with two weights of 8 KB beside it, and one small tensor inside. */
  async function prepared(folder: string): Promise<string> {
    const file = path.join(folder, 'source.onnx');
    const tensors = [floats('a', [2048]), floats('b', [2048]), floats('small', [4])];
    const inline = path.join(folder, 'inline.onnx');
    await writeFile(inline, await encode(model(graph({ nodes: [], initializers: tensors }))));
    const opened = await openModel(inline);
    await saveModel(opened, file, { externalData: 'always' });
    await opened.source.close();
    await rm(inline);
    return file;
  }

  it('puts weights of 1 KiB and more into one file, each on a page', () =>
    inTemporaryFolder(async (folder) => {
      const file = await prepared(folder);
      assert.deepEqual((await readdir(folder)).sort(), ['source.onnx', 'source.onnx.data']);
      const opened = await openModel(file);
      const { a, b, small } = Object.fromEntries(opened.graph.initializers);
      assert.deepEqual(a?.location, {
        kind: 'external',
        path: 'source.onnx.data',
        offset: 0,
        length: 8192,
        checksum: undefined,
      });
      assert.deepEqual(b?.location, {
        kind: 'external',
        path: 'source.onnx.data',
        offset: 8192,
        length: 8192,
        checksum: undefined,
      });
      assert.equal(small?.location.kind, 'file');
      await opened.source.close();
    }));

  it('copies the data along, under their names, where nothing was changed', () =>
    inTemporaryFolder(async (folder) => {
      const file = await prepared(folder);
      const copy = path.join(folder, 'elsewhere/copy.onnx');
      const opened = await openModel(file);
      await saveModel(opened, copy);
      await opened.source.close();
      assert.deepEqual((await readdir(path.dirname(copy))).sort(), ['copy.onnx', 'source.onnx.data']);
      assert.deepEqual(await readFile(copy), await readFile(file));
      await sameWeights(copy, file);
    }));

  it('never overwrites data of another model that have the same name', () =>
    inTemporaryFolder(async (folder) => {
      const file = await prepared(folder);
      const copy = path.join(folder, 'elsewhere/copy.onnx');
      await mkdir(path.dirname(copy));
      await writeFile(path.join(path.dirname(copy), 'source.onnx.data'), 'precious');
      const opened = await openModel(file);
      await saveModel(opened, copy);
      await opened.source.close();
      assert.equal(await readFile(path.join(path.dirname(copy), 'source.onnx.data'), 'utf8'), 'precious');
      await sameWeights(copy, file);
    }));

  it('gives a changed model data of its own, which do without the source', () =>
    inTemporaryFolder(async (folder) => {
      const file = await prepared(folder);
      const changed = path.join(folder, 'changed.onnx');
      const opened = await openModel(file);
      await saveModel({ ...opened, producerName: 'me' }, changed);
      const before = await readTensor(opened, weight(opened, 'a'));
      await opened.source.close();
      await rm(file);
      await rm(`${file}.data`);
      const again = await openModel(changed);
      assert.deepEqual(await readTensor(again, weight(again, 'a')), before);
      assert.equal(weight(again, 'a').location.kind, 'external');
      await again.source.close();
    }));

  it('leaves the data alone where the source itself is overwritten, and adds what is new in a file of its own', () =>
    inTemporaryFolder(async (folder) => {
      const file = await prepared(folder);
      const { mtimeMs } = await stat(`${file}.data`);
      const opened = await openModel(file);
      const initializers = new Map(opened.graph.initializers).set('c', floats('c', [1000]));
      const g = { ...opened.graph, initializers, range: undefined };
      await saveModel({ ...opened, graph: g, range: undefined }, file);
      assert.equal((await stat(`${file}.data`)).mtimeMs, mtimeMs);
      const again = await openModel(file);
      const c = weight(again, 'c');
      assert.ok(c.location.kind === 'external' && c.location.path === 'source.onnx.2.data');
      assert.deepEqual(
        await readTensor(again, weight(again, 'a')),
        await readTensor(opened, weight(opened, 'a')),
      );
      await Promise.all([opened, again].map((m) => m.source.close()));
    }));

  it('moves Constants and the weights of branches too, but no other attribute', () =>
    inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'm.onnx');
      const branch = graph({
        nodes: [node('Add', ['x', 'k'], ['z'])],
        outputs: [value('z')],
        initializers: [floats('k', [300])],
      });
      const nodes = [
        constant('c', floats('', [300])),
        node('If', ['cond'], ['y'], { then_branch: branch, else_branch: branch }),
        node('Custom', ['y', 'c'], ['out'], { domain: 'd', table: floats('', [300]) }),
      ];
      const inputs = [value('x', [300]), value('cond', [], DataType.bool)];
      const original = await reopen(model(graph({ inputs, nodes, outputs: [value('out')] })));
      await saveModel(original, file, { externalData: 'always' });
      const moved = await openModel(file);
      const places = allTensors(moved).map(({ location }) => location.kind);
      assert.deepEqual(places, ['external', 'external', 'external', 'file']);
      const contents = (m: Model) => Promise.all(allTensors(m).map((t) => readTensor(m, t)));
      assert.deepEqual(await contents(moved), await contents(original));
      await moved.source.close();
    }));

  it('keeps data that a copy in the same folder shares', () =>
    inTemporaryFolder(async (folder) => {
      const file = await prepared(folder);
      const copy = path.join(folder, 'copy.onnx');
      const opened = await openModel(file);
      await saveModel(opened, copy);
      await opened.source.close();
      const other = await openModel(copy);
      await saveModel({ ...other, producerName: 'other' }, file);
      await other.source.close();
      await sameWeights(copy, file);
    }));

  it('replaces its own data when a model is saved again, and leaves none behind', () =>
    inTemporaryFolder(async (folder) => {
      const file = await prepared(folder);
      const target = path.join(folder, 'out/model.onnx');
      const opened = await openModel(file);
      for (const producerName of ['one', 'two', 'three']) {
        await saveModel({ ...opened, producerName }, target);
        const data = (await readdir(path.dirname(target))).filter((name) => name.endsWith('.data'));
        assert.equal(data.length, 1, data.join());
        await sameWeights(target, file);
      }
      await saveModel(opened, target, { externalData: 'inline' });
      assert.deepEqual(await readdir(path.dirname(target)), ['model.onnx']);
      await opened.source.close();
    }));
});
