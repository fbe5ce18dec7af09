/** Which nodes compute in 16 bits, worked out before anything is changed. */
import { attributeString, DataType } from '../../onnx/model.ts';
import type { StepContext } from '../context.ts';
import { typesIn } from '../graph/current.ts';
import { blocksOpset } from '../graph/opset.ts';
import type { Entry, Scope, Workspace } from '../graph/workspace.ts';
import { layerMatcher } from '../layer-matcher.ts';
import type { CastEdit } from '../recipe/recipe.ts';
import { selectEntries } from '../select.ts';
import { Islands } from './islands.ts';
import { opsetFor, typedLikeInput } from './low-ops.ts';
import { homeOf, ownersOf } from './names.ts';
import { BODY_OPS } from './ports.ts';

export interface CastPlan {
  /** Entries that compute in the edit's type. */
  readonly converted: ReadonlySet<Entry>;
  /** Why the others that were selected do not. */
  readonly reasons: ReadonlyMap<Entry, string>;
  /** Whether a value of the original model, as seen from the graph, is float32. */
  readonly isFloat32: (scope: Scope, name: string) => boolean;
}

/** The plan of one edit, made once. */
export function castPlan(context: StepContext, edit: CastEdit): CastPlan {
  const key = `cast\0${context.edit}`;
  const known = context.made.get(key) as { readonly of: CastEdit; readonly plan: CastPlan } | undefined;
  if (known?.of === edit) return known.plan;
  const plan = makePlan(context.ws, edit);
  context.made.set(key, { of: edit, plan });
  return plan;
}

type TypeOf = (scope: Scope, name: string) => number | undefined;

function makePlan(ws: Workspace, edit: CastEdit): CastPlan {
  const typeOf = typesOf(ws);
  const isFloat32 = (scope: Scope, name: string) => name !== '' && typeOf(scope, name) === DataType.float;
  const reasons = new Map<Entry, string>();
  const converted = new Set<Entry>();
  const owners = ownersOf(ws);
  const blocks = [
    kept(edit, owners),
    changed,
    reducing,
    inside(owners),
    typed(ws, typeOf, isFloat32),
    older(ws, edit),
  ];
  for (const entry of selectEntries(ws, edit).entries) {
    let reason: string | undefined;
    for (const of of blocks) reason ??= of(entry);
    if (reason === undefined) converted.add(entry);
    else reasons.set(entry, reason);
  }
  const islands = new Islands(ws, edit, converted, isFloat32);
  for (let found = islands.find(); found.length > 0; found = islands.find()) {
    for (const entry of found) {
      converted.delete(entry);
      reasons.set(entry, 'its neighbours stay float32: it would only add Casts');
    }
  }
  return { converted, reasons, isFloat32 };
}

/** Where a shape cannot be told, the element type may be all the same. */
function typesOf(ws: Workspace): TypeOf {
  const types = typesIn(ws);
  const typeOf: TypeOf = (scope, name) => {
    const type = types(scope, name);
    if (type?.kind === 'tensor' && type.elemType !== 0) return type.elemType;
    const maker = homeOf(ws, scope, name).producers.get(name);
    if (maker === undefined || maker.original.domain !== '' || maker.original.outputs[0] !== name)
      return undefined;
    const like = maker.original.inputs[typedLikeInput(maker.original.opType) ?? -1];
    return like === undefined || like === '' ? undefined : typeOf(maker.scope, like);
  };
  return typeOf;
}

type Blocks = (entry: Entry) => string | undefined;

type Owners = ReadonlyMap<Scope, Entry>;

/** The entry and those that hold it in their bodies, from the inside out. */
function* withOwners(entry: Entry, owners: Owners): Generator<Entry> {
  for (let at: Entry | undefined = entry; at !== undefined; at = owners.get(at.scope)) yield at;
}

function kept({ keepFloat32, keepOps = [] }: CastEdit, owners: Owners): Blocks {
  const isKept = keepFloat32 === undefined ? () => false : layerMatcher(keepFloat32);
  return (entry) =>
    [...withOwners(entry, owners)].some(({ id, original }) => isKept(id) || keepOps.includes(original.opType))
      ? 'it is to stay float32'
      : undefined;
}

/** Bodies of other operators, as of SequenceMap and BeamSearch, have types of their own. */
function inside(owners: Owners): Blocks {
  return ({ scope }) => {
    const owner = owners.get(scope);
    if (owner === undefined) return undefined;
    const { opType, domain } = owner.original;
    return domain === '' && BODY_OPS.has(opType)
      ? inside(owners)(owner)
      : `it is inside a subgraph of ${opType}, which stays float32`;
  };
}

function changed({ original, quantizedBy: done, nodes }: Entry): string | undefined {
  if (done !== undefined) return `already quantized by edit ${done.edit + 1} (${done.form})`;
  return nodes[0] === original ? undefined : 'an earlier edit has changed it';
}

/** ScatterND and ScatterElements that add up or multiply: ONNX Runtime's CPU kernels do so in float32 and float64 only. */
function reducing({ original }: Entry): string | undefined {
  const reduction = original.opType.startsWith('Scatter')
    ? attributeString(original, 'reduction')
    : undefined;
  return reduction === undefined || reduction === 'none'
    ? undefined
    : 'its reduction has no 16-bit kernel on the CPU';
}

function typed(ws: Workspace, typeOf: TypeOf, isFloat32: CastPlan['isFloat32']): Blocks {
  return ({ original, scope }) => {
    const values = [...original.inputs, ...original.outputs].filter((name) => name !== '');
    const types = values.map((name) => typeIn(ws, scope, name, typeOf));
    const unknown = values.find((_, i) => types[i] === undefined);
    if (unknown !== undefined) return `the type of "${unknown}" is not known`;
    if (types.includes(DataType.double)) return 'it computes in float64';
    return original.outputs.some((name) => isFloat32(scope, name)) ? undefined : 'it gives no float32';
  };
}

/** Operators of an opset in which they do not take the type yet, where it cannot be raised. */
function older(ws: Workspace, { to }: CastEdit): Blocks {
  const known = new Map<number, string | undefined>();
  return ({ original }) => {
    const opset = opsetFor(to, original.opType);
    if (!known.has(opset)) known.set(opset, blocksOpset(ws, opset));
    return known.get(opset);
  };
}

function typeIn(ws: Workspace, scope: Scope, name: string, typeOf: TypeOf): number | undefined {
  const binding = ws.resolve(scope, name);
  return binding.kind === 'constant' ? binding.tensor.dataType : typeOf(scope, name);
}
