/** What is not touched stays byte for byte; what is, means the same to another protobuf implementation. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  allTensors,
  modelStream,
  openModel,
  readTensor,
  saveModel,
  type Graph,
  type Model,
  type Node,
} from '../../../src/onnx/index.ts';
import { collect } from '../../support/model-builder.ts';
import { anew, inTemporaryFolder, realModels } from '../../support/onnx-files.ts';
import { decodePlain } from '../../support/onnx-schema.ts';

const files = await realModels();

describe('a real model', () => {
  it('is to hand, more than one', () => assert.ok(files.length >= 8, files.join('\n')));

  for (const file of files) {
    describe(path.basename(file), () => {
      it('comes back byte for byte where nothing was changed', () =>
        inTemporaryFolder(async (folder) => {
          const model = await openModel(file);
          const copy = path.join(folder, 'copy.onnx');
          await saveModel(model, copy);
          await model.source.close();
          assert.ok((await readFile(copy)).equals(await readFile(file)));
        }));

      it('differs only in the doc string of the node that got one', async () => {
        const model = await openModel(file);
        const bytes = await collect(modelStream(withDocString(model, 'edited')));
        const before = decodePlain(await readFile(file)) as unknown as Plain;
        const after = decodePlain(bytes) as unknown as Plain;
        assert.equal(after.graph.node[0]?.doc_string, 'edited');
        before.graph.node[0] = { ...before.graph.node[0], doc_string: 'edited' };
        assert.deepEqual(withDefaults(after), withDefaults(before));
        await model.source.close();
      });

      it('means the same when every message is written anew', async () => {
        const model = await openModel(file);
        const bytes = await collect(modelStream(anew(model)));
        assert.deepEqual(withDefaults(decodePlain(bytes)), withDefaults(decodePlain(await readFile(file))));
        await model.source.close();
      });

      it('keeps the elements of every tensor through external data and back', () =>
        inTemporaryFolder(async (folder) => {
          const model = await openModel(file);
          const outside = path.join(folder, 'outside.onnx');
          const inside = path.join(folder, 'inside.onnx');
          await saveModel(model, outside, { externalData: 'always' });
          const moved = await openModel(outside);
          await saveModel(moved, inside, { externalData: 'inline' });
          const back = await openModel(inside);
          assert.ok(allTensors(back).every((t) => t.location.kind !== 'external'));
          const [first, second, third] = await Promise.all([model, moved, back].map(contents));
          assert.deepEqual(second, first);
          assert.deepEqual(third, first);
          await Promise.all([model, moved, back].map((m) => m.source.close()));
        }));
    });
  }
});

interface Plain {
  graph: { node: { doc_string?: string }[] };
}

function withDocString(model: Model, docString: string): Model {
  const [first, ...rest] = model.graph.nodes;
  assert.ok(first !== undefined);
  const nodes: Node[] = [{ ...first, docString, range: undefined }, ...rest];
  const graph: Graph = { ...model.graph, nodes, range: undefined };
  return { ...model, graph, range: undefined };
}

async function contents(model: Model): Promise<string[]> {
  const all = allTensors(model);
  const bytes = await Promise.all(all.map((tensor) => readTensor(model, tensor)));
  return bytes.map((b, i) => `${all[i]?.name ?? ''}: ${Buffer.from(b).toString('base64')}`);
}

/** Without fields that hold their default, which a writer may leave out. */
function withDefaults(message: unknown): unknown {
  if (Array.isArray(message)) return message.map(withDefaults);
  if (typeof message !== 'object' || message === null) return message;
  const kept = Object.entries(message).filter(([, v]) => v !== '' && v !== 0 && v !== '0');
  return Object.fromEntries(kept.map(([key, v]) => [key, withDefaults(v)]));
}
