/** Networks with layers inside of bodies. */
import { DataType, type Graph, type Model } from '../../../../src/onnx/model.ts';
import { graph, ints, node, value } from '../../../support/model-builder.ts';
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
