/** ONNX Runtime's profile as it writes it, cut down to two runs of two nodes. */
import assert from 'node:assert/strict';
import {
  epFromProvider,
  fallbacksOf,
  nodeTimesOf,
  parseProfile,
  peakInUse,
  placementOf,
} from '../../../src/runtime/profile.ts';

const kernel = (name: string, ts: number, args: Record<string, unknown>) => ({
  cat: 'Node',
  name: `${name}_kernel_time`,
  ts,
  dur: 1500,
  ph: 'X',
  args: { provider: 'CPUExecutionProvider', op_name: 'Conv', ...args },
});

const sizes = {
  node_index: '7',
  output_size: '12544',
  parameter_size: '320',
  activation_size: '3136',
  mem_bytes_in_use: '20000',
  mem_in_use_peak: '30000',
  mem_arena_held: '2097152',
  input_type_shape: [{ float: [1, 1, 28, 28] }, { float: [4, 1, 3, 3] }],
  output_type_shape: [{ float: [1, 4, 28, 28] }],
};

const events = [
  { cat: 'Session', name: 'session_initialization', ts: 0, dur: 90, args: {} },
  // events are written as they end: a run's own comes after those of its nodes
  kernel('/conv1/Conv', 110, sizes),
  kernel('/relu/Relu', 120, { op_name: 'Relu', provider: 'WebGpuExecutionProvider', output_size: '12544' }),
  { cat: 'Node', name: '/conv1/Conv_fence_before', ts: 109, dur: 0, args: { op_name: 'Conv' } },
  { cat: 'Session', name: 'model_run', ts: 100, dur: 100, args: {} },
  kernel('/conv1/Conv', 310, { ...sizes, mem_in_use_peak: '40000' }),
  { cat: 'Session', name: 'model_run', ts: 300, dur: 100, args: {} },
];

describe('a profile', () => {
  const runs = parseProfile(JSON.stringify(events));

  it('is split into runs', () => {
    assert.deepEqual(
      runs.map((nodes) => nodes.map((n) => n.name)),
      [['/conv1/Conv', '/relu/Relu'], ['/conv1/Conv']],
    );
  });

  it('gives a node its figures as numbers', () => {
    assert.deepEqual(runs[0]?.[0], {
      name: '/conv1/Conv',
      opType: 'Conv',
      nodeIndex: 7,
      ep: 'cpu',
      durationMs: 1.5,
      outputBytes: 12544,
      parameterBytes: 320,
      inputBytes: 3136,
      memInUseBytes: 20000,
      memInUsePeakBytes: 30000,
      arenaHeldBytes: 2097152,
      inputs: [
        { type: 'float', dims: [1, 1, 28, 28] },
        { type: 'float', dims: [4, 1, 3, 3] },
      ],
      outputs: [{ type: 'float', dims: [1, 4, 28, 28] }],
    });
  });

  it('leaves out what a node does not tell', () => {
    assert.equal(runs[0]?.[1]?.memInUsePeakBytes, undefined);
    assert.deepEqual(runs[0]?.[1]?.inputs, []);
  });

  it('has a peak and a placement', () => {
    assert.deepEqual(runs.map(peakInUse), [30000, 40000]);
    assert.deepEqual(placementOf(runs[0] ?? []), { cpu: 1, webgpu: 1 });
  });

  it('of an EP that reports nothing has no peak, not one of zero', () => {
    const [nodes = []] = parseProfile(
      JSON.stringify([
        kernel('a', 1, { ...sizes, mem_in_use_peak: '0' }),
        { cat: 'Session', name: 'model_run', ts: 0, dur: 9 },
      ]),
    );
    assert.equal(nodes.length, 1);
    assert.equal(peakInUse(nodes), undefined);
  });

  it('tells what each node took at the quickest of the runs after the first, in a loop all its runs together', () => {
    const [node] = parseProfile(JSON.stringify(events)).flat();
    assert.ok(node !== undefined);
    const at = (name: string, durationMs: number) => ({ ...node, name, durationMs });
    const loop = [
      [at('body', 50), at('body', 50), at('tail', 9)],
      [at('body', 2), at('body', 3), at('tail', 1)],
      [at('body', 4), at('body', 2), at('tail', 0.5)],
    ];
    const expected = [
      { name: 'body', opType: 'Conv', durationMs: 5 },
      { name: 'tail', opType: 'Conv', durationMs: 0.5 },
    ];
    assert.deepEqual(nodeTimesOf(loop), expected);
    assert.deepEqual(
      nodeTimesOf(loop.slice(0, 1)).map((t) => t.durationMs),
      [100, 9],
    );
    assert.deepEqual(nodeTimesOf([]), []);
  });

  it('without events has no run', () => {
    assert.deepEqual(parseProfile('[]'), []);
    assert.deepEqual(parseProfile('{}'), []);
  });

  it('names an unknown provider in lower case', () => {
    assert.equal(epFromProvider('CUDAExecutionProvider'), 'cuda');
    assert.equal(epFromProvider('QNNExecutionProvider'), 'qnn');
  });

  it('lists what ran elsewhere than asked for, the slowest first', () => {
    const [node] = parseProfile(JSON.stringify(events)).flat();
    assert.ok(node !== undefined);
    const at = (name: string, ep: string, durationMs: number, opType = 'Conv') => ({
      ...node,
      name,
      ep,
      durationMs,
      opType,
    });
    const nodes = [
      at('a', 'cpu', 1),
      at('b', 'cuda', 9),
      at('c', 'cpu', 3),
      at('copy', 'cuda', 2, 'MemcpyToHost'),
    ];
    assert.deepEqual(
      fallbacksOf(nodes, 'cuda').map((f) => f.name),
      ['c', 'copy', 'a'],
    );
    assert.deepEqual(fallbacksOf([at('a', 'cpu', 1)], 'cpu'), []);
  });
});
