/** Makes a node compute in 16 bits: its weights are converted, Casts stand at the borders (see borders.ts). */
import { DataType, type Attribute, type Node } from '../../onnx/model.ts';
import type { Proposal, Rounding, StepContext } from '../context.ts';
import { float32Tensor, intAttribute } from '../graph/nodes.ts';
import type { Entry } from '../graph/workspace.ts';
import { dropFloatWeight } from '../quantize/shared.ts';
import type { CastType } from '../recipe/cast.ts';
import type { CastEdit } from '../recipe/recipe.ts';
import { allConstantBytes, type Blocked } from '../weights/find.ts';
import { storedBytes } from '../weights/stream.ts';
import { bordersOf } from './borders.ts';
import { floatConstant, lowConstant, lowTensor } from './constant.ts';
import { givesFloat32, MAKERS, opsetFor, staysFloat32 } from './low-ops.ts';
import { castPlan, type CastPlan } from './plan.ts';

export function castToLow(context: StepContext, entry: Entry, edit: CastEdit): Proposal | Blocked {
  const plan = castPlan(context, edit);
  if (!plan.converted.has(entry)) return { reason: plan.reasons.get(entry) ?? 'it is not selected' };
  const beforeBytes = allConstantBytes(context.ws, entry);
  const roundings = roundingsOf(context, entry, edit);
  return { beforeBytes, roundings, apply: () => apply(context, entry, edit, plan, beforeBytes) };
}

/** Of what it has of float32: its weights and biases. */
function roundingsOf(
  { ws }: StepContext,
  { original, scope, id }: Entry,
  { to }: CastEdit,
): Rounding[] | undefined {
  const roundings = original.inputs.flatMap((name, i): Rounding[] => {
    const binding = name === '' ? undefined : ws.resolve(scope, name);
    if (binding?.kind !== 'constant' || binding.isOverridable || staysFloat32(original.opType, i)) return [];
    const { tensor } = binding;
    const isWeight = tensor.dataType === DataType.float && tensor.dims.length > 0;
    return isWeight
      ? [{ kind: 'cast', source: { model: ws.model, tensor, name: binding.name, node: id }, to }]
      : [];
  });
  return roundings.length === 0 ? undefined : roundings;
}

function apply(
  context: StepContext,
  entry: Entry,
  { to, keepIo }: CastEdit,
  plan: CastPlan,
  beforeBytes: number,
) {
  const { ws } = context;
  const { original, scope } = entry;
  const isFloat32 = (name: string) => plan.isFloat32(scope, name);
  const borders = bordersOf(context);
  if (!keepIo) borders.castIo(to);
  let saved = 0;
  const inputs = original.inputs.map((name, i) => {
    if (name === '' || staysFloat32(original.opType, i)) return name;
    const binding = ws.resolve(scope, name);
    const isConstant = binding.kind === 'constant' && !binding.isOverridable;
    // an Identity of a constant is one, too, and may be in 16 bits by now
    if (!isConstant || (binding.tensor.dataType === DataType[to] && isFloat32(name)))
      return isFloat32(name) ? borders.taken(scope, name, to) : name;
    const weight = floatConstant(context, entry, name);
    if (weight === undefined) return name;
    saved += storedBytes(weight.tensor) / 2;
    const low = lowConstant(context, entry, weight, to);
    dropFloatWeight(context, entry, weight);
    return low;
  });
  const outputs = original.outputs.map((name, i) =>
    isFloat32(name) && !givesFloat32(original.opType, i) ? borders.given(scope, name, to) : name,
  );
  const made = { ...original, inputs, outputs, range: undefined };
  ws.replace(entry, [MAKERS.has(original.opType) ? makerOf(context, entry, made, to) : made]);
  ws.requireOpset(opsetFor(to, original.opType));
  return { afterBytes: beforeBytes - saved, warnings: [] };
}

/** A Cast to the type, or a ConstantOfShape of it. */
function makerOf({ ws }: StepContext, { id }: Entry, node: Node, to: CastType): Node {
  const withAttribute = (attribute: Attribute): Node => {
    return { ...node, attributes: new Map(node.attributes).set(attribute.name, attribute) };
  };
  if (node.opType === 'Cast') return withAttribute(intAttribute('to', DataType[to]));
  const value = node.attributes.get('value');
  const tensor = value?.kind === 'tensor' ? value.value : float32Tensor('value', [1], [0]);
  const source = { model: ws.model, tensor, name: tensor.name, node: id };
  return withAttribute({ name: 'value', kind: 'tensor', value: lowTensor(source, tensor.name, to) });
}
