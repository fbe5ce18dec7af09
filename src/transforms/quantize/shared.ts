/** What the operators of dynamic int8 have in common: the quantized activation, the quantized weight, the rescaling. */
import { DataType, type Node, type TensorRef } from '../../onnx/model.ts';
import type { Rounding, StepContext } from '../context.ts';
import { intAttribute, makeNode } from '../graph/nodes.ts';
import { blocksOpset } from '../graph/opset.ts';
import type { Entry, Workspace } from '../graph/workspace.ts';
import { linearType } from '../kernels/linear.ts';
import type { DynamicInt8Edit } from '../recipe/recipe.ts';
import type { Weight } from '../weights/find.ts';
import { linearTensors } from '../weights/linear-tensors.ts';

/** DynamicQuantizeLinear came with it. */
export const DYNAMIC_OPSET = 11;

/** Why the node cannot be quantized, apart from its operator's own reasons. */
export function blocksDynamic(ws: Workspace, entry: Entry): string | undefined {
  return blocksAgain(entry) ?? blocksOpset(ws, DYNAMIC_OPSET);
}

/** Why a node that an earlier edit has quantized cannot be quantized again. */
export function blocksAgain({ quantizedBy: done }: Entry): string | undefined {
  return done === undefined ? undefined : `already quantized by edit ${done.edit + 1} (${done.form})`;
}

export interface QuantizedActivation {
  readonly values: string;
  readonly scale: string;
  readonly zeroPoint: string;
}

/** The quantized activation `name`, by one DynamicQuantizeLinear per graph, whoever uses it. */
export function quantizeActivation(ws: Workspace, entry: Entry, name: string): QuantizedActivation {
  const node = ws.shareNode(entry.scope, name, entry, () =>
    makeNode(
      'DynamicQuantizeLinear',
      [name],
      [
        ws.uniqueName(`${name}_quantized`),
        ws.uniqueName(`${name}_scale`),
        ws.uniqueName(`${name}_zero_point`),
      ],
      ws.uniqueNodeName(`${name}_QuantizeLinear`),
    ),
  );
  ws.requireOpset(DYNAMIC_OPSET);
  const [values = '', scale = '', zeroPoint = ''] = node.outputs;
  return { values, scale, zeroPoint };
}

export interface QuantizedWeight {
  readonly values: TensorRef;
  readonly scale: TensorRef;
  readonly zeroPoint: TensorRef;
}

export interface WeightPlan {
  readonly weightType: 'int8' | 'uint8';
  readonly reduceRange: boolean;
  readonly axis: number | undefined;
  readonly isTransposed: boolean;
  readonly factor: number;
  /** See LinearPlan; uint8 weights with it are symmetric about 128. */
  readonly scaleDims?: readonly number[] | undefined;
}

/** The quantized weight, made once for all nodes that need it in the same form. */
export function quantizeWeight(
  context: StepContext,
  entry: Entry,
  weight: Weight,
  plan: WeightPlan,
): QuantizedWeight {
  return madeOnce(context, ['linear', plan], weight, () => {
    const { ws } = context;
    const { name } = weight.binding;
    const base = name + (plan.isTransposed ? '_Transposed' : '');
    const { source, type } = linearRounding(context, entry, weight, plan);
    const tensors = linearTensors(
      { source, type, ...plan },
      {
        quantized: ws.uniqueName(`${base}_quantized`),
        scale: ws.uniqueName(`${base}_scale`),
        zeroPoint: ws.uniqueName(`${base}_zero_point`),
      },
    );
    const quantized = { values: tensors.quantized, scale: tensors.scale, zeroPoint: tensors.zeroPoint };
    for (const tensor of Object.values(quantized)) ws.addInitializer(weight.scope, tensor);
    return quantized;
  });
}

/** How `quantizeWeight` rounds. */
export function linearRounding(
  { ws }: StepContext,
  entry: Entry,
  { binding, tensor }: Weight,
  { weightType, reduceRange, scaleDims, axis }: WeightPlan,
): Rounding & { readonly kind: 'linear' } {
  const source = { model: ws.model, tensor, name: binding.name, node: entry.id };
  const isSymmetric = weightType === 'int8' || scaleDims !== undefined;
  return { kind: 'linear', source, type: linearType(weightType, reduceRange, isSymmetric), axis };
}

/** What `make` gives for a weight as it is now, made once per `form` while the recipe is applied. */
export function madeOnce<T>(
  { ws, made }: StepContext,
  form: readonly unknown[],
  { binding, tensor, scope }: Weight,
  make: () => T,
): T {
  const key = JSON.stringify([...form, ws.scopes.indexOf(scope), binding.name]);
  const known = made.get(key) as { readonly of: TensorRef; readonly result: T } | undefined;
  if (known?.of === tensor) return known.result;
  const result = make();
  made.set(key, { of: tensor, result });
  return result;
}

/** Lets go of the float weight. What stays because something else uses it is said once all edits are applied. */
export function dropFloatWeight({ ws, atEnd }: StepContext, entry: Entry, weight: Weight): void {
  atEnd.push(() => {
    const { name, scope } = weight.binding;
    if (ws.dropIfUnused(entry.scope, weight.name) || !ws.isDefined(scope, name)) return [];
    const users = [...new Set(ws.uses(scope, name).map((u) => u.entry.id))];
    const why = users.length === 0 ? 'it is an output of the graph' : `${users.join(', ')} still uses it`;
    const message = `the float weight "${name}" of ${entry.id} stays in the model: ${why}`;
    return [{ code: 'float-copy-kept', message, node: entry.id }];
  });
}

/** Base of the names of the nodes that take the entry's place. */
export function nodeBase(entry: Entry): string {
  return entry.original.name === '' ? entry.id : entry.original.name;
}

/**
 * int32 → float32: Cast, and Mul by the product of both scales.
 * @param accumulator value that the integer operator gives
 * @param base of the nodes' names
 */
export function rescale(
  ws: Workspace,
  accumulator: string,
  scales: readonly [string, string],
  base: string,
  output: string,
): Node[] {
  const cast = ws.uniqueName(`${accumulator}_cast_output`);
  const product = ws.uniqueName(`${base}_quant_scales_mul:0`);
  return [
    makeNode('Cast', [accumulator], [cast], ws.uniqueNodeName(`${accumulator}_cast`), [
      intAttribute('to', DataType.float),
    ]),
    makeNode('Mul', scales, [product], ws.uniqueNodeName(`${base}_quant_scales_mul`)),
    makeNode('Mul', [cast, product], [output], ws.uniqueNodeName(`${base}_quant_output_scale_mul`)),
  ];
}

/** What the edit asks of a MatMul's or Gemm's weight. */
export function weightPlan(
  edit: DynamicInt8Edit,
  axis: number,
  rest: { isTransposed: boolean; factor: number },
): WeightPlan {
  const isPerChannel = edit.granularity === 'per-channel';
  return {
    weightType: edit.weightType,
    reduceRange: edit.reduceRange,
    axis: isPerChannel ? axis : undefined,
    ...rest,
  };
}
