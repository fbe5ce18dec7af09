import assert from 'node:assert/strict';
import { analyze, dataflow } from '../../../src/analysis/index.ts';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';

/** x → MatMul → h → If(c) { Relu(h) | Neg(h) } → y; h is an output, too. */
function branching() {
  const branch = (opType: string) =>
    graph({
      nodes: [node(opType, ['h'], [`${opType}_y`], { name: opType })],
      outputs: [value(`${opType}_y`, ['batch', 2])],
    });
  return model(
    graph({
      inputs: [value('x', ['batch', 4]), value('c', [], 9)],
      nodes: [
        node('MatMul', ['x', 'w'], ['h'], { name: 'fc' }),
        node('If', ['c'], ['y'], { name: 'if', then_branch: branch('Relu'), else_branch: branch('Neg') }),
        node('Exp', ['x'], ['unused'], { name: 'exp' }),
      ],
      outputs: [value('h', ['batch', 2]), value('y', ['batch', 2])],
      initializers: [floats('w', [4, 2])],
    }),
  );
}

describe('dataflow', () => {
  const analysis = analyze(branching());
  const idOf = (index: number | undefined): string | undefined =>
    index === undefined ? undefined : analysis.nodes[index]?.id;

  it('tells who makes and who takes each tensor, those of subgraphs among them', () => {
    const told = dataflow(analysis, { batch: 3 }).map((t) => [
      t.name,
      t.bytes,
      idOf(t.producer),
      t.consumers.map(idOf),
      t.isOutput,
    ]);
    assert.deepEqual(told, [
      ['x', 3 * 4 * 4, undefined, ['fc', 'exp'], false],
      ['c', 1, undefined, ['if'], false],
      // used in both branches, and given out
      ['h', 3 * 2 * 4, 'fc', ['if/then_branch/Relu', 'if/else_branch/Neg'], true],
      // what a branch gives, its node takes
      ['Relu_y', 3 * 2 * 4, 'if/then_branch/Relu', ['if'], false],
      ['Neg_y', 3 * 2 * 4, 'if/else_branch/Neg', ['if'], false],
      ['y', 3 * 2 * 4, 'if', [], true],
      // neither the weight w nor `unused`, which nobody takes
    ]);
  });

  it('takes the defaults of dims that are not given', () =>
    assert.equal(dataflow(analysis)[0]?.bytes, 1 * 4 * 4));
});
