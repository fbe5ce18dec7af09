/** Where the file system shares blocks, a save begins with a clone: the file must be the same as without. */
import assert from 'node:assert/strict';
import { copyFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { DataType, openModel, saveModel, type Model, type TensorRef } from '../../../src/onnx/index.ts';
import { partsToWrite } from '../../../src/onnx/save/clone.ts';
import { planSave } from '../../../src/onnx/save/plan.ts';
import { writeFiles } from '../../../src/onnx/save/write-files.ts';
import { encode, floats, graph, model } from '../../support/model-builder.ts';
import { inTemporaryFolder } from '../../support/onnx-files.ts';

const NAMES = ['a', 'b', 'c', 'd'];

/** Each byte is 9; of the size of the others, or another one. */
function changed(name: string, rows = 512): TensorRef {
  const location = { kind: 'inline', bytes: new Uint8Array(rows * 2048).fill(9) } as const;
  return { name, dataType: DataType.float, dims: [rows, 512], location };
}

function withTensor(m: Model, tensor: TensorRef): Model {
  const initializers = new Map(m.graph.initializers).set(tensor.name, tensor);
  return { ...m, graph: { ...m.graph, initializers, range: undefined }, range: undefined };
}

describe('a save that begins with a clone of the source', () => {
  /** The share of the file that is written all the same; 1 where a clone is of no use, and none is made. */
  const edits: [string, (m: Model) => Model, share: number][] = [
    ['a tensor of the same size', (m) => withTensor(m, changed('b')), 0.251],
    ['nothing', (m) => m, 0],
    ['a shorter tensor, which moves the rest,', (m) => withTensor(m, changed('c', 100)), 0.5],
    ['a longer tensor at the end', (m) => withTensor(m, changed('d', 1500)), 0.51],
    ['what comes first', (m) => ({ ...m, producerName: 'longer than before' }), 1],
  ];
  for (const [what, edit, share] of edits) {
    it(`gives the file that a whole save gives: ${what} changed`, () =>
      inTemporaryFolder(async (folder) => {
        const source = path.join(folder, 'source.onnx');
        const tensors = NAMES.map((name) => floats(name, [512, 512]));
        await writeFile(source, await encode(model(graph({ nodes: [], initializers: tensors }))));
        const opened = await openModel(source);
        const whole = path.join(folder, 'whole.onnx');
        const cloned = path.join(folder, 'cloned.onnx');
        await saveModel(edit(opened), whole);
        const plan = await planSave(edit(opened), cloned, 'auto');
        let clones = 0;
        await writeFiles(plan, {
          clone: async (from, to) => {
            clones++;
            await copyFile(from, to);
          },
        });
        assert.equal(clones, share < 1 ? 1 : 0);
        assert.ok((await readFile(cloned)).equals(await readFile(whole)));
        assert.equal((await stat(cloned)).mode, (await stat(whole)).mode);
        const [file] = plan.files;
        assert.ok(file !== undefined);
        const parts = partsToWrite(file.rope, opened.source.file);
        const written = parts.reduce((sum, { rope }) => sum + rope.length, 0);
        assert.ok(
          written <= share * file.rope.length,
          `${written} of ${file.rope.length} bytes were written`,
        );
        await opened.source.close();
      }));
  }

  it('stops on abort, and deletes what the system copied in the meantime', () =>
    inTemporaryFolder(async (folder) => {
      const source = path.join(folder, 'source.onnx');
      const tensors = NAMES.map((name) => floats(name, [512, 512]));
      await writeFile(source, await encode(model(graph({ nodes: [], initializers: tensors }))));
      const opened = await openModel(source);
      const plan = await planSave(opened, path.join(folder, 'target.onnx'), 'auto');
      const abort = new AbortController();
      let finish: () => void = () => undefined;
      let copied: Promise<void> = Promise.resolve();
      const saving = writeFiles(plan, {
        signal: abort.signal,
        clone: (from, to) => {
          copied = new Promise<void>((resolve) => (finish = resolve)).then(() => copyFile(from, to));
          abort.abort();
          return copied;
        },
      });
      await assert.rejects(saving, { name: 'AbortError' });
      assert.deepEqual(await readdir(folder), ['source.onnx']);
      finish();
      await copied;
      // the deletion follows the copy; there is nothing else to wait for
      for (let i = 0; i < 200 && (await readdir(folder)).length > 1; i++) await setTimeout(10);
      assert.deepEqual(await readdir(folder), ['source.onnx']);
      await opened.source.close();
    }));

  it('is a whole one where the clone fails halfway', () =>
    inTemporaryFolder(async (folder) => {
      const source = path.join(folder, 'source.onnx');
      const tensors = NAMES.map((name) => floats(name, [512, 512]));
      await writeFile(source, await encode(model(graph({ nodes: [], initializers: tensors }))));
      const opened = await openModel(source);
      const target = path.join(folder, 'target.onnx');
      const plan = await planSave(opened, target, 'auto');
      await writeFiles(plan, {
        clone: (_, to) => writeFile(to, 'part').then(() => Promise.reject(new Error('no'))),
      });
      assert.ok((await readFile(target)).equals(await readFile(source)));
      assert.deepEqual((await readdir(folder)).sort(), ['source.onnx', 'target.onnx']);
      await opened.source.close();
    }));
});
