/** Networks with layers inside of bodies. */
import { DataType, type Graph, type Model, type Node } from '../../../../src/onnx/model.ts';
import { graph, int64s, ints, node, value } from '../../../support/model-builder.ts';
import { Net } from './net.ts';

/** Two layers over `x`, 8 wide in the end. */
export function branch(name: string, x: string, width: number): Graph {
  const net = new Net();
  const hidden = net.relu(net.linear(x, `${name}.up`, [8, width]));
  const y = net.linear(hidden, `${name}.down`, [width, 8]);
  return graph({ outputs: [value(y)], nodes: net.nodes, initializers: net.tensors });
}

/** x [2, 4]: which branch runs depends on the sign of its sum. */
export function ifModel(): Model {
  const net = new Net();
  const h = net.linear('x', 'in', [4, 8]);
  net.nodes.push(node('ReduceSum', ['x'], ['sum'], { name: 'sum', keepdims: 0 }));
  net.nodes.push(node('Greater', ['sum', net.weight('zero', [], 0)], ['cond'], { name: 'cond' }));
  const both = { then_branch: branch('then', h, 12), else_branch: branch('else', h, 6) };
  net.nodes.push(node('If', ['cond'], ['y'], { name: 'if', ...both }));
  return net.build({ x: [2, 4] }, net.linear('y', 'out', [8, 3]));
}

/** Three turns of two layers over x [2, 8]. */
export function loopModel(): Model {
  const body = branch('body', 'state', 10);
  const net = new Net();
  net.tensors.push(ints('trips', [3]));
  const loop = graph({
    inputs: [value('i', [], DataType.int64), value('go', [], DataType.bool), value('state', [2, 8])],
    outputs: [value('go_on', [], DataType.bool), value('body.down.bias', [2, 8])],
    nodes: [node('Identity', ['go'], ['go_on'], { name: 'go_on' }), ...body.nodes],
    initializers: [...body.initializers.values()],
  });
  net.nodes.push(node('Loop', ['trips', '', 'x'], ['y'], { name: 'loop', body: loop }));
  return net.build({ x: [2, 8] }, net.linear('y', 'out', [8, 3]));
}

/** One of two branches, as a number is even or odd. */
function alternating(x: string, turn: string): Node[] {
  const net = new Net();
  net.nodes.push(
    node('Mod', [turn, 'two'], ['rest'], { name: 'rest' }),
    node('Equal', ['rest', 'zero'], ['even'], { name: 'even' }),
  );
  const both = { then_branch: branch('then', x, 12), else_branch: branch('else', x, 6) };
  net.nodes.push(node('If', ['even'], ['next'], { name: 'if', ...both }));
  return net.nodes;
}

/** Four turns over x [2, 8], of which the even ones run one branch, the odd ones the other. */
export function ifInLoopModel(): Model {
  const net = new Net();
  net.tensors.push(ints('trips', [4]), int64s('two', [], [2]), int64s('zero', [], [0]));
  const loop = graph({
    inputs: [value('i', [], DataType.int64), value('go', [], DataType.bool), value('state', [2, 8])],
    outputs: [value('go_on', [], DataType.bool), value('next', [2, 8])],
    nodes: [node('Identity', ['go'], ['go_on'], { name: 'go_on' }), ...alternating('state', 'i')],
  });
  net.nodes.push(node('Loop', ['trips', '', 'x'], ['y'], { name: 'loop', body: loop }));
  return net.build({ x: [2, 8] }, net.linear('y', 'out', [8, 3]));
}

/** The rows of x [4, 8], from the last to the first, each through a branch: y [8, 4], from the last to the first, too. */
export function ifInScanModel(): Model {
  const net = new Net();
  net.tensors.push(int64s('two', [], [2]), int64s('zero', [], [0]), int64s('counts', [4], [0, 1, 2, 3]));
  const scan = graph({
    inputs: [value('sum', [8]), value('row', [8]), value('turn', [], DataType.int64)],
    outputs: [value('more', [8]), value('next', [8])],
    nodes: [...alternating('row', 'turn'), node('Add', ['sum', 'next'], ['more'], { name: 'more' })],
  });
  net.weight('start', [8]);
  const spec = { scan_input_directions: [1, 0], scan_output_axes: [1], scan_output_directions: [1] };
  net.nodes.push(
    node('Scan', ['start', 'x', 'counts'], ['total', 'y'], {
      name: 'scan',
      body: scan,
      num_scan_inputs: 2,
      ...spec,
    }),
    node('Add', ['y', net.op('Unsqueeze', ['total', net.shape('last', [1])], 'column')], ['sums'], {
      name: 'sums',
    }),
  );
  return net.build({ x: [4, 8] }, 'sums');
}
