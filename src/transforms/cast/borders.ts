/**
 * Where values pass between nodes of two float types: one Cast per value and type stands there, in the value's own
 * graph. Who needs a value in which type is known only once all edits are applied, so that several casts, and whatever
 * else, fit together.
 *
 *     x (float32) → Cast → x_float16 → MatMul → a_float16 → Relu → b_float16 → Cast → b → TopK
 */
import { DataType, type Node } from '../../onnx/model.ts';
import type { StepContext } from '../context.ts';
import { intAttribute, makeNode } from '../graph/nodes.ts';
import type { Entry, Scope, Workspace } from '../graph/workspace.ts';
import type { CastType } from '../recipe/cast.ts';
import type { Warning } from '../recipe/recipe.ts';
import { floatConstant, lowConstant } from './constant.ts';
import { graphIo, type GraphIo } from './graph-io.ts';
import { READERS } from './low-ops.ts';
import { ByValue, homeOf, renameValues, trafficOf, type Traffic } from './names.ts';
import { inputName, lowPorts, outputName, portsOf, type Port } from './ports.ts';

interface LowValue {
  /** Name of the value in 16 bits. */
  name: string;
  /** A converted node gives it, or the caller does. */
  isGiven: boolean;
}

/** The borders of the recipe that is being applied. */
export function bordersOf(context: StepContext): CastBorders {
  const { made, atLast } = context;
  const known = made.get('cast borders') as CastBorders | undefined;
  if (known !== undefined) return known;
  const borders = new CastBorders(context);
  made.set('cast borders', borders);
  atLast.push(() => borders.finish());
  return borders;
}

export class CastBorders {
  private readonly context: StepContext;
  private readonly ws: Workspace;
  /** By name of the float32 value. */
  private readonly values = new ByValue<Map<CastType, LowValue>>();
  /** The graphs of the values in 16 bits. */
  private readonly homes = new Map<string, Scope>();
  /** Constants that a Loop or Scan began with. */
  private readonly dropped: { readonly scope: Scope; readonly name: string }[] = [];
  private io: CastType | undefined;

  constructor(context: StepContext) {
    this.context = context;
    this.ws = context.ws;
  }

  /** The name of the value in `type`, for a node of `scope` that takes it. */
  taken(scope: Scope, name: string, type: CastType): string {
    return this.low(homeOf(this.ws, scope, name), name, type).name;
  }

  /** The name of the value in `type`, for the node of `scope` that gives it. */
  given(scope: Scope, name: string, type: CastType): string {
    const low = this.low(scope, name, type);
    low.isGiven = true;
    return low.name;
  }

  /** The model's float32 inputs and outputs take `type`. */
  castIo(type: CastType): void {
    this.io = type;
  }

  private low(home: Scope, name: string, type: CastType): LowValue {
    const types = this.values.at(home, name, () => new Map<CastType, LowValue>());
    const known = types.get(type);
    if (known !== undefined) return known;
    const low = { name: this.ws.uniqueName(`${name}_${type}`), isGiven: false };
    types.set(type, low);
    this.homes.set(low.name, home);
    return low;
  }

  /** Puts the Casts. Call once, when the nodes are final. */
  finish(): readonly Warning[] {
    const { ws, io: type } = this;
    const io = type === undefined ? undefined : graphIo(ws);
    if (type !== undefined) for (const name of io?.inputs ?? []) this.given(ws.main, name, type);
    this.passPorts();
    this.passReaders();
    const floatNames = io === undefined ? new Map<string, string>() : this.renameIo(io, type ?? 'float16');
    const traffic = trafficOf(ws, this.homes);
    const handedOn = this.handedOn();
    for (const [scope, name, types] of this.values) {
      const float = scope === ws.main ? (floatNames.get(name) ?? name) : name;
      const isKeptOutput = float === name && handedOn.get(scope, name) === true;
      this.finishValue({ scope, name, float, isKeptOutput }, types, traffic);
    }
    return io?.warnings ?? [];
  }

  /** Ifs, Loops and Scans pass 16 bits where their bodies give them. */
  private passPorts(): void {
    const ports = portsOf(this.ws);
    if (ports.length === 0) return;
    const { takers } = trafficOf(this.ws, this.homes);
    const { types } = lowPorts(this.ws, ports, {
      given: (scope, name) => {
        const found = [...(this.values.get(scope, name) ?? [])].find(([, low]) => low.isGiven);
        return found?.[0];
      },
      floatTakers: (scope, name) => takers.get(scope, name) ?? [],
    });
    for (const [port, type] of types) this.pass(port, type);
    for (const { scope, name } of this.dropped) this.ws.dropIfUnused(scope, name);
  }

  private pass({ entry, sources, inside, input, output }: Port, type: CastType): void {
    const [node] = entry.nodes;
    if (node === undefined) return;
    const elemType = DataType[type];
    for (const source of sources) {
      const name = this.taken(source.scope, outputName(source), type);
      source.scope.retyped.outputs.set(source.index, { name, elemType });
    }
    if (inside !== undefined) {
      const name = this.given(inside.scope, inputName(inside), type);
      inside.scope.retyped.inputs.set(inside.index, { name, elemType });
    }
    const { scope } = entry;
    const inputs = node.inputs.map((name, i) => (i === input ? this.begin(entry, name, type) : name));
    const outputs = node.outputs.map((name, i) =>
      i === output && name !== '' ? this.given(scope, name, type) : name,
    );
    entry.nodes = [{ ...node, inputs, outputs, range: undefined }];
  }

  /** Nodes that take every type get 16 bits where those are there. */
  private passReaders(): void {
    for (const scope of this.ws.scopes) {
      for (const entry of scope.entries) {
        if (READERS.has(entry.original.opType))
          entry.nodes = entry.nodes.map((node) => this.reader(scope, node));
      }
    }
  }

  private reader(scope: Scope, node: Node): Node {
    const [name = ''] = node.inputs;
    if (!READERS.has(node.opType) || node.domain !== '') return node;
    const types = this.values.get(homeOf(this.ws, scope, name), name);
    const low = [...(types?.values() ?? [])].find(({ isGiven }) => isGiven);
    return low === undefined ? node : { ...node, inputs: [low.name], range: undefined };
  }

  /** What a Loop or Scan begins with. */
  private begin(entry: Entry, name: string, type: CastType): string {
    const weight = floatConstant(this.context, entry, name);
    if (weight === undefined) return this.taken(entry.scope, name, type);
    const low = lowConstant(this.context, entry, weight, type);
    this.dropped.push({ scope: entry.scope, name });
    return low;
  }

  /** The values that some graph has for an output, in float32. */
  private handedOn(): ByValue<boolean> {
    const found = new ByValue<boolean>();
    for (const scope of this.ws.scopes) {
      scope.graph.outputs.forEach(({ name }, i) => {
        if (!scope.retyped.outputs.has(i)) found.at(homeOf(this.ws, scope, name), name, () => true);
      });
    }
    return found;
  }

  /**
   * Inputs and outputs keep their names and take the type; the float32 values get other ones.
   * @returns names of the float32 values, by what they were
   */
  private renameIo({ inputs, outputs }: GraphIo, type: CastType): Map<string, string> {
    const { ws } = this;
    const { graph, retyped, reshaped } = ws.main;
    const [floatNames, renamed] = [new Map<string, string>(), new Map<string, string>()];
    for (const name of new Set([...inputs, ...outputs])) {
      const float = ws.uniqueName(`${name}_float32`);
      floatNames.set(name, float);
      const low = this.low(ws.main, name, type);
      renamed.set(name, float);
      renamed.set(low.name, name);
      low.name = name;
      reshaped.add(name);
    }
    const elemType = DataType[type];
    graph.inputs.forEach(({ name }, i) => {
      if (inputs.has(name)) retyped.inputs.set(i, { name, elemType });
    });
    graph.outputs.forEach(({ name }, i) => {
      if (outputs.has(name)) retyped.outputs.set(i, { name, elemType });
    });
    renameValues(ws, renamed);
    return floatNames;
  }

  /** `float`: the float32 value's name now; `isKeptOutput`: a graph has it for an output. */
  private finishValue(
    { scope, name, float, isKeptOutput }: FloatValue,
    types: ReadonlyMap<CastType, LowValue>,
    { giver, users }: Traffic,
  ): void {
    const { ws } = this;
    const given = [...types.values()].find(({ isGiven }) => isGiven);
    const wanted = [...types].filter(
      ([, low]) => !low.isGiven && (low.name === name || users.get(scope, low.name) !== undefined),
    );
    const giverOf = (value: string) => giver.get(scope, value);
    if (given !== undefined) {
      if (isKeptOutput || users.get(scope, float) !== undefined || wanted.length > 0) {
        put(scope, giverOf(given.name), castNode(ws, given.name, float, 'float'));
      } else if (float === name) scope.removed.add(name);
    }
    for (const [type, low] of wanted) {
      const cast = () => castNode(ws, float, low.name, type);
      // an output has its Cast whoever takes it besides
      if (low.name === name) put(scope, giverOf(float) ?? giverOf(given?.name ?? ''), cast());
      else
        for (const user of users.get(scope, low.name) ?? [])
          ws.shareNode(scope, `${name}\0${type}`, user, cast);
    }
  }
}

interface FloatValue {
  readonly scope: Scope;
  readonly name: string;
  readonly float: string;
  readonly isKeptOutput: boolean;
}

/** Behind the nodes of the entry; before all nodes where the caller gives the value. */
function put(scope: Scope, giver: Entry | undefined, node: Node): void {
  if (giver === undefined) scope.leading.push(node);
  else giver.nodes = [...giver.nodes, node];
}

function castNode(ws: Workspace, from: string, to: string, type: CastType | 'float'): Node {
  const name = ws.uniqueNodeName(`${to}_Cast`);
  return makeNode('Cast', [from], [to], name, [intAttribute('to', DataType[type])]);
}
