/**
 * A Scan as the Loop that does the same: the states of a Scan keep their shapes, those of a Loop may grow. Of opset 9 and
 * later; the earlier Scan has a batch.
 */
import {
  attributeInt,
  attributeInts,
  DataType,
  type Attribute,
  type Node,
  type Value,
} from '../onnx/index.ts';
import { RunnerError } from './failure.ts';
import { axis, intsOf, made } from './lift-gather.ts';

export interface LoopOfScan {
  readonly before: readonly Node[];
  readonly loop: Node;
  /** What brings stacked outputs into the place and order that the Scan says. */
  readonly after: readonly Node[];
}

/** @param rankOf of an output of the Scan; undefined where it is not known */
export function asLoop(scan: Node, id: string, rankOf: (output: string) => number | undefined): LoopOfScan {
  const body = scan.attributes.get('body');
  if (body?.kind !== 'graph') throw new RangeError(`Scan "${id}" has no body`);
  const scanned = attributeInt(scan, 'num_scan_inputs', 1);
  const states = scan.inputs.length - scanned;
  const given = scan.inputs.slice(states);
  const axes = attributeInts(scan, 'scan_input_axes') ?? given.map(() => 0);
  const directions = attributeInts(scan, 'scan_input_directions') ?? given.map(() => 0);
  const [trips, last, turn] = [`${id}/turns`, `${id}/last`, `${id}/turn`];
  const before = [
    made('Shape', [given[0] ?? ''], `${id}/dims`),
    intsOf(`${id}/at`, [axes[0] ?? 0], []),
    made('Gather', [`${id}/dims`, `${id}/at`], trips, [axis(0)]),
    intsOf(`${id}/one`, [1], []),
    made('Sub', [trips, `${id}/one`], last),
  ];
  const elements = body.value.inputs.slice(states).flatMap(({ name }, i): Node[] => {
    const back = `${name}/back`;
    const isBack = directions[i] === 1;
    return [
      ...(isBack ? [made('Sub', [last, turn], back)] : []),
      made('Gather', [given[i] ?? '', isBack ? back : turn], name, [axis(axes[i] ?? 0)]),
    ];
  });
  const [go, goOn] = [`${id}/go`, `${id}/go_on`];
  const scalar = (name: string, elemType: number): Value => ({
    name,
    type: { kind: 'tensor', elemType, shape: [] },
  });
  const value = {
    ...body.value,
    inputs: [scalar(turn, DataType.int64), scalar(go, DataType.bool), ...body.value.inputs.slice(0, states)],
    nodes: [...elements, made('Identity', [go], goOn), ...body.value.nodes],
    outputs: [scalar(goOn, DataType.bool), ...body.value.outputs],
    range: undefined,
  };
  const after: Node[] = [];
  const outputs = scan.outputs.map((name, i) => {
    if (i < states || name === '') return name;
    const way = {
      at: (attributeInts(scan, 'scan_output_axes') ?? [])[i - states] ?? 0,
      isBack: (attributeInts(scan, 'scan_output_directions') ?? [])[i - states] === 1,
    };
    const placed = placing(name, way, rankOf);
    after.push(...placed);
    return placed.length === 0 ? name : `${name} stacked`;
  });
  const attributes = new Map<string, Attribute>([['body', { ...body, value, range: undefined }]]);
  const inputs = [trips, '', ...scan.inputs.slice(0, states)];
  return { before, loop: { ...scan, opType: 'Loop', attributes, inputs, outputs, range: undefined }, after };
}

/** From `name stacked`, whose turns are its first axis, to `name`. */
function placing(
  name: string,
  { at, isBack }: { readonly at: number; readonly isBack: boolean },
  rankOf: (output: string) => number | undefined,
): Node[] {
  if (at === 0 && !isBack) return [];
  const stacked = `${name} stacked`;
  const turned = isBack && at !== 0 ? `${name} turned` : isBack ? name : stacked;
  const nodes: Node[] = [];
  if (isBack) {
    const bounds = [`${name} from`, `${name} to`, `${name} along`, `${name} by`];
    const values = [-1, -(2 ** 31), 0, -1];
    nodes.push(
      ...bounds.map((bound, i) => intsOf(bound, [values[i] ?? 0])),
      made('Slice', [stacked, ...bounds], turned),
    );
  }
  if (at === 0) return nodes;
  const rank = rankOf(name);
  if (rank === undefined)
    throw new RunnerError(
      'model',
      `"${name}" is stacked by a Scan with bodies inside of it, and its rank is not known, so nothing can be collected there.`,
    );
  const rest = Array.from({ length: rank - 1 }, (_, i) => BigInt(i + 1));
  rest.splice(at < 0 ? at + rank : at, 0, 0n);
  return [...nodes, made('Transpose', [turned], name, [{ name: 'perm', kind: 'ints', value: rest }])];
}
