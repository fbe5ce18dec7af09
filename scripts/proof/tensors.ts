/** Whether two models hold the same integers: each tensor of the one against the tensor of that name in the other. */
import { DataType, openModel, readTensor, type Model, type TensorRef } from '../../src/onnx/index.ts';
import { subgraphs, type Graph } from '../../src/onnx/model.ts';

const INTEGERS: ReadonlySet<number> = new Set([DataType.int8, DataType.uint8]);

export interface TensorComparison {
  /** Integer weights, scales and zero points of ours with one of that name in theirs that is of the same type. */
  readonly compared: number;
  readonly equal: number;
  /** Names of what differs, with how. */
  readonly different: readonly string[];
  /** Not compared: 8-bit tensors that are unsigned here and signed there, with their scales. */
  readonly otherType: number;
  /** Made by us only, and by them only. */
  readonly ours: readonly string[];
  readonly theirs: readonly string[];
}

/** Compares the 8-bit tensors, and the scales and zero points that belong to them. */
export async function compareTensors(ours: string, theirs: string): Promise<TensorComparison> {
  const [a, b] = [await openModel(ours), await openModel(theirs)];
  try {
    const [mine, other] = [parametersOf(a), parametersOf(b)];
    const different: string[] = [];
    let compared = 0;
    let otherType = 0;
    for (const [name, tensor] of mine) {
      const twin = other.get(name);
      if (twin === undefined) continue;
      const base = name.replace(/_(quantized|scale|zero_point)$/, '_quantized');
      if (mine.get(base)?.dataType !== other.get(base)?.dataType) {
        otherType++;
        continue;
      }
      compared++;
      const difference = await differenceOf(a, tensor, b, twin);
      if (difference !== undefined) different.push(`${name}: ${difference}`);
    }
    return {
      compared,
      equal: compared - different.length,
      different,
      otherType,
      ours: [...mine.keys()].filter((n) => !other.has(n)),
      theirs: [...other.keys()].filter((n) => !mine.has(n)),
    };
  } finally {
    await a.source.close();
    await b.source.close();
  }
}

function parametersOf(model: Model): Map<string, TensorRef> {
  const all = new Map<string, TensorRef>();
  collect(model.graph, all);
  const isParameter = ([name, t]: [string, TensorRef]) =>
    INTEGERS.has(t.dataType) || /_(scales?|zero_points?)$/.test(name);
  return new Map([...all].filter(isParameter));
}

function collect(graph: Graph, into: Map<string, TensorRef>): void {
  for (const [name, tensor] of graph.initializers) into.set(name, tensor);
  for (const node of graph.nodes) for (const { graph: body } of subgraphs(node)) collect(body, into);
}

async function differenceOf(a: Model, t: TensorRef, b: Model, u: TensorRef): Promise<string | undefined> {
  const [x, y] = [await readTensor(a, t), await readTensor(b, u)];
  if (x.length !== y.length) return `dims [${t.dims.join(', ')}] against [${u.dims.join(', ')}]`;
  const differing = x.reduce((n, byte, i) => n + (byte === y[i] ? 0 : 1), 0);
  return differing === 0 ? undefined : `${differing} of ${x.length} bytes`;
}
