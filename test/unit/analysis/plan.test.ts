import assert from 'node:assert/strict';
import { analyze } from '../../../src/analysis/index.ts';
import { internals } from '../../../src/analysis/memory/analyze.ts';
import type { Node } from '../../../src/onnx/index.ts';
import { floats, graph, ints, model, node, value } from '../../support/model-builder.ts';

/** For each value, the value whose buffer it lies in; '–' for memory of the caller's or of constants. */
function buffers(nodes: readonly Node[], output: string): Record<string, string> {
  const m = model(
    graph({
      inputs: [value('x', ['batch', 8])],
      nodes,
      outputs: [value(output)],
      initializers: [floats('c', [1, 8]), ints('shape', [0, 4, 2]), ints('flat', [-1, 16])],
    }),
  );
  const { runtime } = internals(analyze(m)).compiled.level('disabled', 'cpu');
  return Object.fromEntries(
    runtime.main.nodes.map((n) => {
      const [out] = n.outputs;
      const buffer = out && runtime.main.plan.bufferOf(out);
      return [out?.name ?? '', buffer?.first.name ?? '–'];
    }),
  );
}

const add = (from: string, to: string) => node('Add', [from, 'c'], [to]);

describe('sharing of buffers', () => {
  it('lets an activation work in place where its input is read no more', () => {
    const found = buffers([add('x', 'a'), node('Relu', ['a'], ['b']), add('b', 'y')], 'y');
    assert.deepEqual(found, { a: 'a', b: 'a', y: 'y' });
  });

  it('not where the input is read again', () => {
    const nodes = [add('x', 'a'), node('Relu', ['a'], ['b']), node('Add', ['a', 'b'], ['y'])];
    assert.deepEqual(buffers(nodes, 'y'), { a: 'a', b: 'b', y: 'y' });
  });

  it('not for arithmetic', () => {
    assert.deepEqual(buffers([add('x', 'a'), add('a', 'b'), add('b', 'y')], 'y'), { a: 'a', b: 'b', y: 'y' });
  });

  it('gives a buffer of the same size again once it is dead', () => {
    const nodes = [add('x', 'a'), add('a', 'b'), add('b', 'c1'), add('c1', 'y')];
    assert.deepEqual(buffers(nodes, 'y'), { a: 'a', b: 'b', c1: 'a', y: 'y' });
  });

  it('what nothing reads takes no dead buffer, but others take its', () => {
    const nodes = [
      add('x', 'a'),
      add('a', 'b'),
      add('b', 'c1'),
      add('c1', 'd'),
      add('d', 'y'),
      add('c1', 'unread'),
    ];
    assert.deepEqual(buffers(nodes, 'y'), { a: 'a', b: 'b', c1: 'a', unread: 'unread', d: 'unread', y: 'y' });
  });

  it('never takes over the buffer of a graph output, and gives an output one of its own', () => {
    const nodes = [add('x', 'a'), node('Relu', ['a'], ['y'])];
    assert.deepEqual(buffers(nodes, 'y'), { a: 'a', y: 'y' });
  });

  it('reshapes where the data lie, be they the caller’s', () => {
    const nodes = [node('Reshape', ['x', 'shape'], ['a']), add2('a', 'y')];
    assert.deepEqual(buffers(nodes, 'y'), { a: '–', y: 'y' });
  });

  it('does not tell sizes that ONNX Runtime does not know: a symbol written as −1', () => {
    const known = [
      add('x', 'a'),
      node('Reshape', ['a', 'shape'], ['b']),
      add2('b', 'c2'),
      node('Relu', ['c2'], ['d']),
      add2('d', 'y'),
    ];
    assert.equal(buffers(known, 'y')['d'], 'c2');
    const lost = [
      add('x', 'a'),
      node('Reshape', ['a', 'flat'], ['b']),
      add2('b', 'c2'),
      node('Relu', ['c2'], ['d']),
      add2('d', 'y'),
    ];
    assert.equal(buffers(lost, 'y')['d'], 'd');
  });
});

function add2(from: string, to: string): Node {
  return node('Add', [from, from], [to]);
}
