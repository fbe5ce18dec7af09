/**
 * Nodes without weights that neither get 16 bits from another nor hand them on: they would add Casts only. Likewise
 * those that make a float32 of something else where any node takes it as such: 16 bits say less.
 */
import { DataType } from '../../onnx/model.ts';
import type { Entry, Scope, Workspace } from '../graph/workspace.ts';
import type { CastEdit } from '../recipe/recipe.ts';
import { MAKERS } from './low-ops.ts';
import { ByValue, homeOf, trafficOf } from './names.ts';
import { inputName, lowPorts, outputName, portsOf, type BodyValue, type LowPorts } from './ports.ts';

/** A value, with the graph that defines it. */
type Place = readonly [scope: Scope, name: string];

export class Islands {
  private readonly ws: Workspace;
  private readonly edit: CastEdit;
  private readonly converted: ReadonlySet<Entry>;
  private readonly isFloat32: (scope: Scope, name: string) => boolean;
  private readonly takers: ByValue<Set<Entry>>;
  private readonly ports;
  /** Outputs of graphs that are the value. */
  private readonly outputs = new ByValue<BodyValue[]>();

  /** @param converted the nodes that compute in 16 bits; it may shrink between calls of `find` */
  constructor(
    ws: Workspace,
    edit: CastEdit,
    converted: ReadonlySet<Entry>,
    isFloat32: (scope: Scope, name: string) => boolean,
  ) {
    this.ws = ws;
    this.edit = edit;
    this.converted = converted;
    this.isFloat32 = isFloat32;
    this.takers = trafficOf(ws).takers;
    this.ports = portsOf(ws);
    for (const scope of ws.scopes) {
      scope.graph.outputs.forEach(({ name }, index) => {
        this.outputs.at(homeOf(ws, scope, name), name, () => []).push({ scope, index });
      });
    }
  }

  find(): Entry[] {
    const low = lowPorts(this.ws, this.ports, {
      given: (scope, name) => (this.isGiven(scope, name) ? this.edit.to : undefined),
      floatTakers: (scope, name) => this.takersOf(scope, name).filter((taker) => !this.converted.has(taker)),
    });
    const passage = new Passage(this.ws, low);
    return [...this.converted].filter((entry) => this.isIsland(entry, passage));
  }

  private isIsland({ original, scope }: Entry, passage: Passage): boolean {
    const inputs = original.inputs.filter((name) => name !== '');
    const gets = inputs.some((name) => passage.isLow(homeOf(this.ws, scope, name), name));
    const outputs = original.outputs.filter((name) => name !== '');
    const gives = outputs.some((name) => this.isWanted([scope, name], passage));
    if (MAKERS.has(original.opType))
      return !gets && !(gives && outputs.every((name) => this.isOnlyLow([scope, name], passage)));
    const hasWeights = inputs.some((name) => {
      const b = this.ws.resolve(scope, name);
      return b.kind === 'constant' && b.tensor.dataType === DataType.float && b.tensor.dims.length > 0;
    });
    return !hasWeights && !gets && !gives;
  }

  private takersOf(scope: Scope, name: string): Entry[] {
    return [...(this.takers.get(scope, name) ?? [])];
  }

  /** Whether a node or the caller gives it in 16 bits. */
  private isGiven(scope: Scope, name: string): boolean {
    if (!this.isFloat32(scope, name)) return false;
    const binding = this.ws.resolve(scope, name);
    if (binding.kind === 'input') return scope === this.ws.main && !this.edit.keepIo;
    return binding.kind === 'produced' && this.converted.has(binding.entry);
  }

  /** Whether an output of the graph takes 16 bits by choice. */
  private isLowIo({ scope }: BodyValue): boolean {
    return scope === this.ws.main && !this.edit.keepIo;
  }

  /** Whether something takes it in 16 bits, maybe behind ports. */
  private isWanted([scope, name]: Place, passage: Passage, seen = new Set<string>()): boolean {
    if (this.takersOf(scope, name).some((taker) => this.converted.has(taker))) return true;
    if ((this.outputs.get(scope, name) ?? []).some((output) => this.isLowIo(output))) return true;
    if (seen.has(name)) return false;
    seen.add(name);
    return passage.ends(scope, name).some((end) => this.isWanted(end, passage, seen));
  }

  /** Whether nothing takes it in float32, behind ports neither. */
  private isOnlyLow([scope, name]: Place, passage: Passage, seen = new Set<string>()): boolean {
    if (seen.has(name)) return true;
    seen.add(name);
    const outputs = this.outputs.get(scope, name) ?? [];
    return (
      outputs.every((output) => this.isLowIo(output) || passage.passes(output)) &&
      this.takersOf(scope, name).every(
        (taker) => this.converted.has(taker) || takesAny(taker, name, passage),
      ) &&
      passage.ends(scope, name).every((end) => this.isOnlyLow(end, passage, seen))
    );
  }
}

/** Whether the node does not ask for float32: it looks at the shape only, or passes the value on as it is. */
function takesAny(taker: Entry, name: string, passage: Passage): boolean {
  const { opType, inputs } = taker.original;
  if (opType === 'Shape' || opType === 'Size') return true;
  return inputs.every((input, i) => input !== name || passage.begins(taker, i));
}

/** Where ports pass 16 bits. */
class Passage {
  private readonly low: LowPorts;
  private readonly through = new ByValue<Place[]>();
  private readonly inputs = new Map<Entry, Set<number>>();
  private readonly outputs = new Map<Scope, Set<number>>();

  constructor(ws: Workspace, low: LowPorts) {
    this.low = low;
    for (const { entry, sources, inside, input, output } of low.types.keys()) {
      const ends: Place[] = inside === undefined ? [] : [[inside.scope, inputName(inside)]];
      const given = output === undefined ? '' : (entry.original.outputs[output] ?? '');
      if (given !== '') ends.push([entry.scope, given]);
      for (const source of sources) {
        this.through.at(source.scope, outputName(source), () => []).push(...ends);
        addTo(this.outputs, source.scope, source.index);
      }
      if (input === undefined) continue;
      const begin = entry.original.inputs[input] ?? '';
      this.through.at(homeOf(ws, entry.scope, begin), begin, () => []).push(...ends);
      addTo(this.inputs, entry, input);
    }
  }

  /** Whether a node or a port gives it in 16 bits. */
  isLow(scope: Scope, name: string): boolean {
    return this.low.given(scope, name) !== undefined;
  }

  /** What it is called behind ports that take it in 16 bits. */
  ends(scope: Scope, name: string): readonly Place[] {
    return this.through.get(scope, name) ?? [];
  }

  /** Whether a port takes the output of a body in 16 bits. */
  passes({ scope, index }: BodyValue): boolean {
    return this.outputs.get(scope)?.has(index) === true;
  }

  /** Whether a port takes the input of a node in 16 bits. */
  begins(entry: Entry, input: number): boolean {
    return this.inputs.get(entry)?.has(input) === true;
  }
}

function addTo<K>(sets: Map<K, Set<number>>, key: K, index: number): void {
  sets.set(key, (sets.get(key) ?? new Set()).add(index));
}
