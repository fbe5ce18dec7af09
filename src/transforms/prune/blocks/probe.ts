/**
 * How much each residual block changes what goes through it: 1 − cos(x, x + f(x)), the block influence of ShortGPT (Men
 * et al., 2024). The cosines are values of a model of their own, for calibration to take their means.
 */
import type { Calibration, CalibrationTarget } from '../../../analysis/index.ts';
import { cutTo } from '../../../onnx/index.ts';
import {
  DataType,
  opsetVersion,
  type Attribute,
  type Model,
  type Node,
  type TensorRef,
} from '../../../onnx/model.ts';
import { float32Tensor, int64Tensor, intAttribute, intsAttribute, makeNode } from '../../graph/nodes.ts';
import { Workspace } from '../../graph/workspace.ts';
import { findBlocks, isNormSum, type Block } from './find.ts';
import { Flow } from './flow.ts';

export interface BlockProbe {
  /** Gives the cosines only. */
  readonly model: Model;
  readonly targets: readonly CalibrationTarget[];
  /** By block id; a block that calibration saw nothing of is left out. */
  readonly influences: (calibration: Calibration) => ReadonlyMap<string, number>;
}

const TINY = 1e-30;
/** From here on, ReduceSum takes its axes as an input. */
const AXES_INPUT_OPSET = 13;

/** Undefined where no block can go. */
export function blockProbe(model: Model): BlockProbe | undefined {
  const ws = new Workspace(model);
  const flow = new Flow(ws);
  const nodes: Node[] = [];
  const tensors: TensorRef[] = [];
  const cosines = new Map<string, string>();
  for (const block of findBlocks(flow)) {
    if (block.blocker !== undefined) continue;
    const writer = new Writer(ws, opsetVersion(model) ?? 0, nodes, tensors);
    cosines.set(block.id, writer.cosine(flow, block));
  }
  if (cosines.size === 0) return undefined;
  const { graph } = model;
  const initializers = new Map([...graph.initializers, ...tensors.map((t) => [t.name, t] as const)]);
  const whole = { ...graph, nodes: [...graph.nodes, ...nodes], initializers, range: undefined };
  return {
    model: cutTo({ ...model, graph: whole, range: undefined }, [...cosines.values()]),
    targets: [...cosines.values()].map((tensor) => ({ tensor, channelAxis: -1 })),
    influences: (calibration) =>
      new Map(
        [...cosines].flatMap(([id, tensor]) => {
          const mean = calibration.statistics(tensor, -1)?.channels?.mean[0];
          return mean === undefined ? [] : [[id, 1 - mean] as const];
        }),
      ),
  };
}

class Writer {
  private readonly ws: Workspace;
  private readonly opset: number;
  private readonly nodes: Node[];
  private readonly tensors: TensorRef[];

  constructor(ws: Workspace, opset: number, nodes: Node[], tensors: TensorRef[]) {
    this.ws = ws;
    this.opset = opset;
    this.nodes = nodes;
    this.tensors = tensors;
  }

  /** [..., 1]: of each token's channels; of a whole sample where the block is one of an image. */
  cosine(flow: Flow, block: Block): string {
    const { sum, shortcut, branch, bias } = block;
    const rank = flow.shapeOf(shortcut)?.length ?? 1;
    const isImage = [...block.nodes].some((n) => n.opType.includes('Conv'));
    const axes = isImage && rank > 2 ? Array.from({ length: rank - 1 }, (_, k) => k + 1) : [rank - 1];
    const [output = ''] = sum.outputs;
    const whole = isNormSum(sum) ? this.op('Add', [shortcut, branch]) : output;
    const [x, y] = [
      this.float(shortcut),
      this.float(bias === undefined ? whole : this.op('Add', [whole, bias])),
    ];
    const dot = (a: string, b: string): string => this.total(this.op('Mul', [a, b]), axes);
    const lengths = this.op('Mul', [this.op('Sqrt', [dot(x, x)]), this.op('Sqrt', [dot(y, y)])]);
    const tiny = this.tensor(float32Tensor(this.name(), [], [TINY]));
    return this.op('Div', [dot(x, y), this.op('Max', [lengths, tiny])]);
  }

  private float(value: string): string {
    return this.op('Cast', [value], [intAttribute('to', DataType.float)]);
  }

  private total(value: string, axes: readonly number[]): string {
    const keep = intAttribute('keepdims', 1);
    if (this.opset < AXES_INPUT_OPSET)
      return this.op('ReduceSum', [value], [keep, intsAttribute('axes', axes)]);
    return this.op('ReduceSum', [value, this.tensor(int64Tensor(this.name(), [axes.length], axes))], [keep]);
  }

  private op(opType: string, inputs: readonly string[], attributes: readonly Attribute[] = []): string {
    const name = this.name();
    this.nodes.push(makeNode(opType, inputs, [name], name, attributes));
    return name;
  }

  private tensor(tensor: TensorRef): string {
    this.tensors.push(tensor);
    return tensor.name;
  }

  private name(): string {
    return this.ws.uniqueName('block_influence');
  }
}
