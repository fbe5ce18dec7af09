/** Reader and writer are each other's inverse, for models of any shape; and what they agree on is protobuf. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  DataType,
  memorySource,
  modelStream,
  openModel,
  readStrings,
  readTensor,
  type Model,
  type TensorRef,
} from '../../../src/onnx/index.ts';
import { collect, encode, reopen } from '../../support/model-builder.ts';
import { arbitraryModel } from '../../support/onnx-arbitrary.ts';
import { anew } from '../../support/onnx-files.ts';
import { decodePlain, encodePlain } from '../../support/onnx-schema.ts';

const RUNS = { numRuns: 150 };

describe('for any model', () => {
  it('reading what was written gives the model again', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryModel, async (model) => {
        assert.deepEqual(await plain(await reopen(model)), await plain(model));
      }),
      RUNS,
    );
  });

  it('writing what was read gives the same bytes, copied, made anew, or mixed', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryModel, fc.infiniteStream(fc.boolean()), async (model, coin) => {
        const bytes = await encode(model);
        const opened = await openModel(memorySource('m.onnx', bytes));
        assert.deepEqual(await encode(opened), bytes);
        assert.deepEqual(await encode(anew(opened)), bytes);
        const nodes = opened.graph.nodes.map((n) =>
          coin.next().value === true ? { ...n, range: undefined } : n,
        );
        const mixed = { ...opened, graph: { ...opened.graph, nodes, range: undefined }, range: undefined };
        assert.deepEqual(await encode(mixed), bytes);
      }),
      RUNS,
    );
  });

  it('another protobuf implementation reads the same from what it and we write', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryModel, async (model) => {
        const message = decodePlain(await encode(model));
        const theirs = encodePlain(message);
        const opened = await openModel(memorySource('m.onnx', theirs));
        assert.deepEqual(decodePlain(await collect(modelStream(anew(opened)))), decodePlain(theirs));
      }),
      RUNS,
    );
  });
});

/** The model as values to compare: tensors by their contents, without what only says where they were read. */
async function plain(model: Model): Promise<unknown> {
  const { source, warnings, ...rest } = model;
  assert.ok(source.file.sizeBytes >= 0 && warnings.length >= 0);
  return strip(rest, (tensor) =>
    tensor.dataType === DataType.string ? readStrings(model, tensor) : readTensor(model, tensor),
  );
}

async function strip(part: unknown, contents: (tensor: TensorRef) => Promise<unknown>): Promise<unknown> {
  if (part instanceof Uint8Array) return [...part];
  if (Array.isArray(part)) return Promise.all(part.map((item) => strip(item, contents)));
  if (part instanceof Map) return strip([...part], contents);
  if (typeof part !== 'object' || part === null) return part;
  const { range, smallData, location, ...fields } = part as Partial<TensorRef>;
  assert.ok(range === undefined || range.length >= 0);
  assert.ok(smallData === undefined || location !== undefined);
  const known = Object.entries(fields).filter(([, v]) => v !== undefined);
  const stripped = known.map(async ([key, v]) => [key, await strip(v, contents)] as const);
  const data =
    location === undefined
      ? []
      : [['data', await strip(await contents(part as TensorRef), contents)] as const];
  return Object.fromEntries([...(await Promise.all(stripped)), ...data]);
}
