/** Which nodes of the main graph compute in 16 bits, worked out before anything is changed. */
import { analyze } from '../../analysis/index.ts';
import { attributeString, DataType } from '../../onnx/model.ts';
import type { StepContext } from '../context.ts';
import { blocksOpset } from '../graph/opset.ts';
import type { Entry, Scope, Workspace } from '../graph/workspace.ts';
import { layerMatcher } from '../layer-matcher.ts';
import type { CastEdit } from '../recipe/recipe.ts';
import { selectEntries } from '../select.ts';
import { opsetFor } from './low-ops.ts';
import { trafficOf } from './names.ts';

export interface CastPlan {
  /** Entries that compute in the edit's type. */
  readonly converted: ReadonlySet<Entry>;
  /** Why the others that were selected do not. */
  readonly reasons: ReadonlyMap<Entry, string>;
  /** Whether a value of the original main graph is float32. */
  readonly isFloat32: (name: string) => boolean;
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

type TypeOf = (name: string) => number | undefined;

function makePlan(ws: Workspace, edit: CastEdit): CastPlan {
  const analysis = analyze(ws.model);
  const typeOf: TypeOf = (name) => analysis.elemTypeOf(name);
  const isFloat32 = (name: string) => name !== '' && typeOf(name) === DataType.float;
  const reasons = new Map<Entry, string>();
  const converted = new Set<Entry>();
  const blocks = [kept(edit), changed, reducing, typed(ws, typeOf, isFloat32), older(ws, edit)];
  for (const entry of selectEntries(ws, edit).entries) {
    let reason: string | undefined;
    for (const of of blocks) reason ??= of(entry);
    if (reason === undefined) converted.add(entry);
    else reasons.set(entry, reason);
  }
  leaveIslands(ws, edit, converted, reasons, isFloat32);
  return { converted, reasons, isFloat32 };
}

type Blocks = (entry: Entry) => string | undefined;

function kept({ keepFloat32, keepOps = [] }: CastEdit): Blocks {
  const isKept = keepFloat32 === undefined ? () => false : layerMatcher(keepFloat32);
  return ({ id, original }) =>
    isKept(id) || keepOps.includes(original.opType) ? 'it is to stay float32' : undefined;
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
    if (scope !== ws.main) return 'it is inside a subgraph, which stays float32';
    const values = [...original.inputs, ...original.outputs].filter((name) => name !== '');
    const types = values.map((name) => typeIn(ws, scope, name, typeOf));
    const unknown = values.find((_, i) => types[i] === undefined);
    if (unknown !== undefined) return `the type of "${unknown}" is not known`;
    if (types.includes(DataType.double)) return 'it computes in float64';
    return original.outputs.some(isFloat32) ? undefined : 'it gives no float32';
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
  return binding.kind === 'constant' ? binding.tensor.dataType : typeOf(name);
}

/** Takes out nodes without weights that neither get 16 bits from another nor hand them on: they would add Casts only. */
function leaveIslands(
  ws: Workspace,
  { keepIo }: CastEdit,
  converted: Set<Entry>,
  reasons: Map<Entry, string>,
  isFloat32: CastPlan['isFloat32'],
): void {
  const { users } = trafficOf(ws);
  const isOutput = (name: string) => !keepIo && ws.isGraphOutput(ws.main, name);
  const isIsland = ({ original, scope }: Entry): boolean => {
    const inputs = original.inputs.filter((name) => name !== '').map((name) => ws.resolve(scope, name));
    const hasWeights = inputs.some(
      (b) => b.kind === 'constant' && b.tensor.dataType === DataType.float && b.tensor.dims.length > 0,
    );
    const gets = inputs.some((b) => {
      if (b.kind === 'input') return !keepIo && isFloat32(b.name);
      return b.kind === 'produced' && converted.has(b.entry) && isFloat32(b.name);
    });
    const gives = original.outputs.some(
      (name) => isOutput(name) || [...(users.get(name) ?? [])].some((user) => converted.has(user)),
    );
    return !hasWeights && !gets && !gives;
  };
  for (let islands = [...converted].filter(isIsland); islands.length > 0;) {
    for (const entry of islands) {
      converted.delete(entry);
      reasons.set(entry, 'its neighbours stay float32: it would only add Casts');
    }
    islands = [...converted].filter(isIsland);
  }
}
