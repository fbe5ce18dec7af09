/**
 * Which nodes of the main graph compute in float16, worked out before anything is changed. Casts stand only where a
 * value passes between a node that does and one that does not: one per value and direction.
 */
import { analyze } from '../../analysis/index.ts';
import { DataType } from '../../onnx/model.ts';
import type { StepContext } from '../context.ts';
import type { Entry, Scope, Workspace } from '../graph/workspace.ts';
import type { CastEdit } from '../recipe/recipe.ts';
import { selectEntries } from '../select.ts';
import { staysFloat32 } from './float16-ops.ts';

export interface CastPlan {
  /** Entries that become float16. */
  readonly converted: ReadonlySet<Entry>;
  /** Why the others that were selected do not. */
  readonly reasons: ReadonlyMap<Entry, string>;
  /** Float32 values among their outputs. */
  readonly halves: ReadonlySet<string>;
  /** Those of them that are needed as float32, too. */
  readonly alsoFloat32: ReadonlySet<string>;
  /** Float32 values that converted entries take from elsewhere. */
  readonly float32Inputs: ReadonlySet<string>;
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
  const elemTypeOf: TypeOf = (name) => analysis.elemTypeOf(name);
  const reasons = new Map<Entry, string>();
  const converted = new Set<Entry>();
  for (const entry of selectEntries(ws, edit).entries) {
    const reason = blocks(ws, entry, elemTypeOf);
    if (reason === undefined) converted.add(entry);
    else reasons.set(entry, reason);
  }
  leaveIslands(ws, converted, reasons, elemTypeOf);
  const halves = new Set<string>();
  for (const { original } of converted) {
    for (const output of original.outputs) if (isFloat32(output, elemTypeOf)) halves.add(output);
  }
  const alsoFloat32 = new Set([...halves].filter((v) => isNeededAsFloat32(ws, v, converted)));
  const taken = [...converted].flatMap((entry) => entry.original.inputs);
  const float32Inputs = new Set(taken.filter((v) => !halves.has(v) && isFloat32(v, elemTypeOf)));
  return { converted, reasons, halves, alsoFloat32, float32Inputs };
}

function blocks(ws: Workspace, entry: Entry, typeOf: TypeOf): string | undefined {
  const { original, scope, quantizedBy: done } = entry;
  if (scope !== ws.main) return 'it is inside a subgraph, which stays float32';
  if (done !== undefined) return `already quantized by edit ${done.edit + 1} (${done.form})`;
  if (entry.nodes[0] !== original) return 'an earlier edit has changed it';
  const values = [...original.inputs, ...original.outputs].filter((name) => name !== '');
  const types = values.map((name) => typeIn(ws, scope, name, typeOf));
  const unknown = values.find((_, i) => types[i] === undefined);
  if (unknown !== undefined) return `the type of "${unknown}" is not known`;
  if (types.includes(DataType.double)) return 'it computes in float64';
  if (!original.outputs.some((name) => isFloat32(name, typeOf))) return 'it gives no float32';
  return undefined;
}

function typeIn(ws: Workspace, scope: Scope, name: string, typeOf: TypeOf): number | undefined {
  const binding = ws.resolve(scope, name);
  return binding.kind === 'constant' ? binding.tensor.dataType : typeOf(name);
}

function isFloat32(name: string, typeOf: TypeOf): boolean {
  return name !== '' && typeOf(name) === DataType.float;
}

/** Takes out nodes without weights that neither get float16 from another nor hand it on: they would add Casts only. */
function leaveIslands(
  ws: Workspace,
  converted: Set<Entry>,
  reasons: Map<Entry, string>,
  typeOf: TypeOf,
): void {
  const isIsland = ({ original, scope }: Entry): boolean => {
    const inputs = original.inputs.filter((name) => name !== '').map((name) => ws.resolve(scope, name));
    const hasWeights = inputs.some(
      (b) => b.kind === 'constant' && b.tensor.dataType === DataType.float && b.tensor.dims.length > 0,
    );
    const gets = inputs.some(
      (b) => b.kind === 'produced' && converted.has(b.entry) && isFloat32(b.name, typeOf),
    );
    const gives = original.outputs.some((name) => ws.uses(scope, name).some((u) => converted.has(u.entry)));
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

function isNeededAsFloat32(ws: Workspace, value: string, converted: ReadonlySet<Entry>): boolean {
  if (ws.isGraphOutput(ws.main, value)) return true;
  return ws
    .uses(ws.main, value)
    .some(({ entry, input }) => !converted.has(entry) || staysFloat32(entry.original.opType, input));
}
