/**
 * The analysis of one model: shapes inferred once, costs as formulas, evaluated for any dims.
 *
 *     const analysis = analyze(model);
 *     analysis.estimate({ dims: { batch: 8 } }).totalPeak.bytes
 */
import { dataTypeName } from '../../onnx/datatype.ts';
import type { Model } from '../../onnx/model.ts';
import { add, dimToString, evaluateDim, isUnknown, unknown } from '../dim.ts';
import type { ModelInference } from '../inference.ts';
import { inferShapes, reinfer } from '../shapes/index.ts';
import type { Analysis, AnalyzedNode, Dim, Optimization, WeightBytesByType } from '../types.ts';
import { thisMachine } from '../../machine.ts';
import { diagnose } from './diagnostics.ts';
import { analyzedLayer, estimateMemory, ownCosts } from './estimate.ts';
import type { Compiled, CompiledLevel } from './estimate.ts';
import { layersOf } from './layers.ts';
import { macsOf } from './macs.ts';
import { programOf } from './program.ts';
import type { ExecutedNode, Program } from './program.ts';
import { computedInFloat, isHalf } from './rewrite/half-kernels.ts';
import type { Target } from './rewrite/rewrite.ts';
import { runtimeOf } from './runtime.ts';
import { bindSymbols, compileSizes } from './sizes.ts';
import type { Value } from './values.ts';

interface Kept {
  readonly inference: ModelInference;
  readonly compiled: Compiled;
  readonly byId: ReadonlyMap<string, ExecutedNode>;
  /** The model as the dims have it, see {@link variants}. */
  readonly variantAt: (dims: Readonly<Record<string, number>> | undefined) => Compiled;
}

const kept = new WeakMap<Analysis, Kept>();

/** `previous`: the analysis of a model that this one was made from by edits; what they left alone is not inferred again. */
export function analyze(model: Model, previous?: Analysis): Analysis {
  const before = previous && kept.get(previous)?.inference;
  const inference = before ? reinfer(before, model) : inferShapes(model);
  const compiled = compile(model, inference);
  const variantAt = variants(model, inference, compiled);
  const { program, weightsOf } = compiled;
  const byId = once(() => new Map(program.nodes.map((n) => [n.id, n])));
  const nodes = analyzedNodes(compiled);
  const { main } = inference;
  const analysis: Analysis = {
    model,
    symbols: inference.symbols,
    nodes,
    get layers() {
      return compiled.ownLayers;
    },
    weightBytesByType: bytesByType(program),
    diagnostics: diagnose(model, inference, program, weightsOf),
    shapeOf: (name) => {
      const type = main.values.get(name);
      if (type === undefined) return unknown(`the model has no value ${name}`);
      if (type.kind === 'tensor') return type.shape;
      return type.kind === 'unknown' ? type : unknown(`a ${type.kind}, not a tensor`);
    },
    elemTypeOf: (name) => {
      const type = main.values.get(name);
      return type?.kind === 'tensor' && type.elemType !== 0 ? type.elemType : undefined;
    },
    activationFormula: (id) => {
      const formula = compiled.activation[byId().get(id)?.index ?? -1];
      return formula === undefined || isUnknown(formula) ? undefined : dimToString(formula);
    },
    estimate: (options) => estimateMemory(variantAt(options?.dims), options),
  };
  kept.set(analysis, {
    inference,
    compiled,
    get byId() {
      return byId();
    },
    variantAt,
  });
  return analysis;
}

/** What `make` gives, made when it is first asked for: many an analysis is asked for its nodes only. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/**
 * Where a choice between shapes of different ranks falls otherwise than at the sizes the inference began with, the model
 * is inferred again at the sizes asked for; once for each way the choices can fall. An inference may come upon choices
 * that another one does not: each is asked for its own.
 */
function variants(
  model: Model,
  inference: ModelInference,
  compiled: Compiled,
): (given?: Readonly<Record<string, number>>) => Compiled {
  const found = [compiled];
  return (given = {}) => {
    if (inference.assumptions.length === 0) return compiled;
    const { dims } = bindSymbols(inference, given);
    const known = found.find((c) =>
      c.inference.assumptions.every((a) => (evaluateDim(a.condition, dims) ?? a.assumed) === a.assumed),
    );
    if (known !== undefined) return known;
    const variant = compile(model, reinfer(inference, model, { at: dims }));
    found.push(variant);
    return variant;
  };
}

/** What `analyze` keeps beside the public analysis. */
export function internals(analysis: Analysis): Kept {
  const found = kept.get(analysis);
  if (found === undefined) throw new TypeError('an analysis is made by analyze()');
  return found;
}

function compile(model: Model, inference: ModelInference): Compiled {
  const program = programOf(inference, model);
  const weightsOf = firstUses(program);
  // many an analysis is asked for its nodes only
  const layers = once(() => layersOf(program, weightsOf));
  const own = once(() => program.nodes.map((n) => ownCosts(n, weightsOf.get(n) ?? [])));
  const ownLayers = once(() => layers().map((l) => analyzedLayer(l, own())));
  const activation = once(() => program.nodes.map(outputBytes));
  const macs = once(() => program.nodes.map(macsOf));
  const half = once(() => widenedBytes(program));
  const levels = new Map<string, CompiledLevel>();
  const makeLevel = (optimization: Optimization, target: Target): CompiledLevel => {
    const runtime = runtimeOf(program, { optimization, target, blockSize: thisMachine().nchwcBlock });
    return { runtime, sizesAt: compileSizes(runtime.values, [...activation(), ...macs(), ...half()]) };
  };
  return {
    inference,
    program,
    weightsOf,
    parameterBytes: program.constants.reduce((sum, v) => sum + (v.constant?.bytes ?? 0), 0),
    parameterCount: program.constants.reduce((sum, v) => sum + (v.constant?.count ?? 0), 0),
    get layers() {
      return layers();
    },
    get own() {
      return own();
    },
    get ownLayers() {
      return ownLayers();
    },
    get activation() {
      return activation();
    },
    get half() {
      return half();
    },
    level: (optimization, target) => {
      const key = `${optimization} ${target}`;
      const level = levels.get(key) ?? makeLevel(optimization, target);
      levels.set(key, level);
      return level;
    },
  };
}

/** Bytes of all outputs together. */
function outputBytes(n: ExecutedNode): Dim {
  return add(...n.outputs.map((v) => v?.bytes ?? 0));
}

/** Bytes of each node's float16 outputs that the CPU computes in float32; empty where there are none. */
function widenedBytes(program: Program): Dim[] {
  if (!program.values.some(isHalf)) return [];
  const blocks = [program.main, ...program.nodes.flatMap((n) => n.bodies.map((b) => b.block))];
  const pinned = new Set(blocks.flatMap((b) => [...b.outputs, ...b.captured]));
  const nodes = program.nodes.map(({ node, inputs, outputs }) => ({
    domain: node.domain,
    opType: node.opType,
    inputs,
    outputs,
  }));
  const computed = computedInFloat(nodes, (v) => pinned.has(v));
  if (computed.size === 0) return [];
  return nodes.map((n) => (computed.has(n) ? add(...n.outputs.map((v) => (isHalf(v) ? v.bytes : 0))) : 0));
}

/** Each constant at the first node that uses it, in execution order. */
function firstUses(program: Program): Map<ExecutedNode, Value[]> {
  const isSeen = new Uint8Array(program.values.length);
  const found = new Map<ExecutedNode, Value[]>();
  for (const n of program.nodes) {
    let own: Value[] | undefined;
    for (const v of n.inputs) {
      if (v?.kind !== 'constant' || isSeen[v.slot] === 1) continue;
      isSeen[v.slot] = 1;
      if (own) own.push(v);
      else found.set(n, (own = [v]));
    }
  }
  return found;
}

function analyzedNodes({ program, weightsOf }: Compiled): AnalyzedNode[] {
  return program.nodes.map((n) => {
    const constants = weightsOf.get(n);
    return { id: n.id, node: n.node, step: n.index, weights: constants ? weightNames(constants) : noNames };
  });
}

const noNames: readonly string[] = [];

function weightNames(constants: readonly Value[]): readonly string[] {
  return constants.filter((v) => v.constant?.dims.length !== 0).map((v) => v.name);
}

/** Largest first. */
function bytesByType(program: Program): WeightBytesByType[] {
  const totals = new Map<number, { bytes: number; count: number }>();
  for (const { constant } of program.constants) {
    if (constant === undefined) continue;
    const total = totals.get(constant.dataType) ?? { bytes: 0, count: 0 };
    total.bytes += constant.bytes;
    total.count += constant.count;
    totals.set(constant.dataType, total);
  }
  return [...totals]
    .map(([type, total]) => ({ type: dataTypeName(type), ...total }))
    .sort((a, b) => b.bytes - a.bytes);
}
