/** Nodes that look alike: what was found at one is taken for the other only where it is the same. */
import assert from 'node:assert/strict';
import { findRule } from '../../../../src/analysis/shapes/registry.ts';
import { NodeContext } from '../../../../src/analysis/shapes/context.ts';
import { inferShapes } from '../../../../src/analysis/shapes/index.ts';
import { RuleMemo } from '../../../../src/analysis/shapes/memo.ts';
import { typeOfTensor } from '../../../../src/analysis/shapes/constant.ts';
import type { Node } from '../../../../src/onnx/index.ts';
import { floats, graph, int64s, model, node, reopen, value } from '../../../support/model-builder.ts';
import { typeText } from './cases.ts';

const inputs = [value('x', ['n', 4]), value('y', ['n', 4])];

async function typesOf(
  nodes: readonly Node[],
  constants = [floats('w', [4, 4]), floats('v', [4, 4])],
): Promise<string[]> {
  const outputs = nodes.flatMap((n) => n.outputs);
  const initializers = [...constants];
  const m = model(graph({ inputs, nodes, initializers, outputs: outputs.map((o) => value(o)) }));
  // as from a file, where nodes share their attributes
  const inference = inferShapes(await reopen(m));
  return outputs.map((o) => typeText(inference.main.values.get(o), inference));
}

describe('shapes: nodes that look alike', () => {
  it('differ by what is in their constants', async () => {
    const shapes = [int64s('a', [2], [4, -1]), int64s('b', [2], [-1, 2])];
    const nodes = [node('Reshape', ['x', 'a'], ['p']), node('Reshape', ['y', 'b'], ['q'])];
    assert.deepEqual(await typesOf(nodes, shapes), ['float32[4, n]', 'float32[n·2, 2]']);
  });

  it('differ by their attributes', async () => {
    const nodes = [
      node('Transpose', ['x'], ['p'], { perm: [1, 0] }),
      node('Transpose', ['x'], ['q'], { perm: [0, 1] }),
      node('Transpose', ['y'], ['r'], { perm: [1, 0] }),
    ];
    assert.deepEqual(await typesOf(nodes), ['float32[4, n]', 'float32[n, 4]', 'float32[4, n]']);
  });

  it('have sizes of their own, where only running tells them', async () => {
    const nodes = [node('NonZero', ['x'], ['p']), node('NonZero', ['x'], ['q'])];
    assert.deepEqual(await typesOf(nodes), ['int64[2, p.d1 ≤ n·4]', 'int64[2, q.d1 ≤ n·4]']);
  });

  it('differ by which outputs they give', async () => {
    const nodes = [node('TopK', ['x', 'k'], ['p', 'i']), node('TopK', ['x', 'k'], ['q'])];
    const text = ['float32[n, 2]', 'int64[n, 2]', 'float32[n, 2]'];
    const found = await typesOf(nodes, [int64s('k', [1], [2])]);
    assert.deepEqual(found, text);
  });
});

describe('what rules gave', () => {
  const matMul = (weight: string, output: string) => node('MatMul', ['x', weight], [output]);
  const scope = {
    attributes: undefined,
    derived: () => 1,
    isDerived: () => false,
    assume: () => undefined,
    subgraph: () => assert.fail(),
  };

  it('is given again to a node with another weight of the same form, and to no other', () => {
    const memo = new RuleMemo();
    const x = { kind: 'tensor', elemType: 1, shape: [3, 4] } as const;
    const [w, v, u] = [floats('w', [4, 4]), floats('v', [4, 4]), floats('u', [4, 8])].map(typeOfTensor);
    const first = matMul('w', 'p');
    const context = new NodeContext(first, 13, [x, w], scope);
    const rule = findRule('', 'MatMul', 13);
    assert.ok(rule);
    const results = rule(context);
    memo.keep(context, [x, w], results);
    assert.equal(memo.find(matMul('v', 'q'), 13, [{ ...x }, v]), results);
    assert.equal(memo.find(matMul('u', 'r'), 13, [x, u]), undefined);
    assert.equal(memo.find(matMul('w', 'r'), 12, [x, w]), undefined);
    assert.equal(memo.find(matMul('w', 'r'), 13, [{ ...x, elemType: 10 }, w]), undefined);
    assert.equal(memo.find({ ...first, domain: 'other' }, 13, [x, w]), undefined);
  });
});
