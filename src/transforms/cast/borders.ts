/**
 * Where values pass between nodes of two float types: one Cast per value and type stands there. Who needs a value in
 * which type is known only once all edits are applied, so that several casts, and whatever else, fit together.
 *
 *     x (float32) → Cast → x_float16 → MatMul → a_float16 → Relu → b_float16 → Cast → b → TopK
 */
import { DataType, type Node } from '../../onnx/model.ts';
import type { StepContext } from '../context.ts';
import { intAttribute, makeNode } from '../graph/nodes.ts';
import type { Entry, Workspace } from '../graph/workspace.ts';
import type { CastType } from '../recipe/cast.ts';
import type { Warning } from '../recipe/recipe.ts';
import { graphIo, type GraphIo } from './graph-io.ts';
import { renameValues, trafficOf, type Traffic } from './names.ts';

interface LowValue {
  /** Name of the value in 16 bits. */
  name: string;
  /** A converted node gives it, or the caller does. */
  isGiven: boolean;
}

/** The borders of the recipe that is being applied. */
export function bordersOf({ ws, made, atLast }: StepContext): CastBorders {
  const known = made.get('cast borders') as CastBorders | undefined;
  if (known !== undefined) return known;
  const borders = new CastBorders(ws);
  made.set('cast borders', borders);
  atLast.push(() => borders.finish());
  return borders;
}

export class CastBorders {
  private readonly ws: Workspace;
  /** By name of the float32 value. */
  private readonly values = new Map<string, Map<CastType, LowValue>>();
  private io: CastType | undefined;

  constructor(ws: Workspace) {
    this.ws = ws;
  }

  /** The name of the value in `type`, for a node that takes it. */
  taken(name: string, type: CastType): string {
    return this.low(name, type).name;
  }

  /** The name of the value in `type`, for the node that gives it. */
  given(name: string, type: CastType): string {
    const low = this.low(name, type);
    low.isGiven = true;
    return low.name;
  }

  /** The model's float32 inputs and outputs take `type`. */
  castIo(type: CastType): void {
    this.io = type;
  }

  private low(name: string, type: CastType): LowValue {
    const types = this.values.get(name) ?? new Map<CastType, LowValue>();
    this.values.set(name, types);
    const known = types.get(type);
    if (known !== undefined) return known;
    const low = { name: this.ws.uniqueName(`${name}_${type}`), isGiven: false };
    types.set(type, low);
    return low;
  }

  /** Puts the Casts. Call once, when the nodes are final. */
  finish(): readonly Warning[] {
    const io = this.io === undefined ? undefined : graphIo(this.ws);
    const floatNames = io === undefined ? new Map<string, string>() : this.renameIo(io, this.io ?? 'float16');
    const traffic = trafficOf(this.ws);
    for (const [name, types] of this.values)
      this.finishValue(name, floatNames.get(name) ?? name, types, traffic);
    return io?.warnings ?? [];
  }

  /**
   * Inputs and outputs keep their names and take the type; the float32 values get other ones.
   * @returns names of the float32 values, by what they were
   */
  private renameIo({ inputs, outputs }: GraphIo, type: CastType): Map<string, string> {
    const { ws } = this;
    const [floatNames, renamed] = [new Map<string, string>(), new Map<string, string>()];
    for (const name of new Set([...inputs, ...outputs])) {
      const float = ws.uniqueName(`${name}_float32`);
      floatNames.set(name, float);
      const low = this.low(name, type);
      renamed.set(name, float);
      renamed.set(low.name, name);
      low.name = name;
      if (inputs.has(name)) low.isGiven = true;
      ws.main.retyped.set(name, DataType[type]);
      ws.main.reshaped.add(name);
    }
    renameValues(ws, renamed);
    return floatNames;
  }

  /** @param float the float32 value's name now */
  private finishValue(
    name: string,
    float: string,
    types: ReadonlyMap<CastType, LowValue>,
    { giver, users }: Traffic,
  ): void {
    const { ws } = this;
    const given = [...types.values()].find(({ isGiven }) => isGiven);
    const wanted = [...types].filter(([, low]) => !low.isGiven && (low.name === name || users.has(low.name)));
    if (given !== undefined) {
      const isKeptOutput = float === name && ws.isGraphOutput(ws.main, name);
      if (isKeptOutput || users.has(float) || wanted.length > 0) {
        this.put(giver.get(given.name), castNode(ws, given.name, float, 'float'));
      } else if (float === name) ws.main.removed.add(name);
    }
    for (const [type, low] of wanted) {
      const cast = () => castNode(ws, float, low.name, type);
      // an output has its Cast whoever takes it besides
      if (low.name === name) this.put(giver.get(float) ?? giver.get(given?.name ?? ''), cast());
      else
        for (const user of users.get(low.name) ?? []) ws.shareNode(ws.main, `${name}\0${type}`, user, cast);
    }
  }

  /** Behind the nodes of the entry; before all nodes where the caller gives the value. */
  private put(giver: Entry | undefined, node: Node): void {
    if (giver === undefined) this.ws.main.leading.push(node);
    else giver.nodes = [...giver.nodes, node];
  }
}

function castNode(ws: Workspace, from: string, to: string, type: CastType | 'float'): Node {
  const name = ws.uniqueNodeName(`${to}_Cast`);
  return makeNode('Cast', [from], [to], name, [intAttribute('to', DataType[type])]);
}
