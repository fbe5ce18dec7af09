/** Attributes that are the same, byte for byte, are one object; tensors and graphs in them are not. */
import assert from 'node:assert/strict';
import type { Node } from '../../../src/onnx/index.ts';
import { encode, graph, int64s, model, node, reopen, value } from '../../support/model-builder.ts';

const nodes = [
  node('Conv', ['x', 'w'], ['a'], { group: 1, strides: [2, 2] }),
  node('Conv', ['a', 'w'], ['b'], { group: 1, strides: [2, 2] }),
  node('Conv', ['b', 'w'], ['c'], { group: 1, strides: [1, 1] }),
  node('Conv', ['c', 'w'], ['d'], { strides: [2, 2], group: 1 }),
  node('Constant', [], ['e'], { value: int64s('', [1], [7]) }),
  node('Constant', [], ['f'], { value: int64s('', [1], [7]) }),
];
const outputs = ['d', 'e', 'f'].map((name) => value(name));
const source = model(graph({ inputs: [value('x'), value('w')], nodes, outputs }));

describe('attributes of nodes', () => {
  let read: readonly Node[];
  before(async () => {
    read = (await reopen(source)).graph.nodes;
  });

  it('are one map where they are the same in the same order', () => {
    const [a, b, c, d] = read;
    assert.ok(a && b && c && d);
    assert.equal(a.attributes, b.attributes);
    assert.notEqual(a.attributes, c.attributes);
    assert.equal(a.attributes.get('group'), c.attributes.get('group'));
    assert.notEqual(a.attributes.get('strides'), c.attributes.get('strides'));
    assert.notEqual(a.attributes, d.attributes);
    assert.deepEqual([...d.attributes.keys()], ['strides', 'group']);
  });

  it('are each its own where they hold a tensor', () => {
    const [e, f] = read.slice(4).map((n) => n.attributes.get('value'));
    assert.deepEqual(e?.kind === 'tensor' && e.value.smallData, f?.kind === 'tensor' && f.value.smallData);
    assert.notEqual(e, f);
  });

  it('are written for a node that is made anew as they were read', async () => {
    const opened = await reopen(source);
    const anew = opened.graph.nodes.map((n) => ({ ...n, name: 'anew', range: undefined }));
    const edited = { ...opened, graph: { ...opened.graph, nodes: anew, range: undefined } };
    const expected = {
      ...source,
      graph: { ...source.graph, nodes: nodes.map((n) => ({ ...n, name: 'anew' })) },
    };
    assert.deepEqual(await encode(edited), await encode(expected));
  });
});
