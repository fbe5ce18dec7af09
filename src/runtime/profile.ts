/**
 * ONNX Runtime's profile (a JSON array of trace events) as records per kernel run: what ran where, how long, and
 * what it held. Byte figures are ORT's own, as decimal strings in the file.
 */
import type { EpName } from '../analysis/types.ts';
import type { KernelTime } from '../analysis/index.ts';
import type { FallbackNode, ProfiledNode } from './types.ts';

interface TraceEvent {
  readonly cat?: unknown;
  readonly name?: unknown;
  readonly dur?: unknown;
  readonly ts?: unknown;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** Kernel runs in order, one list per `run` of the session. Memcpy and fence events are in it as ORT names them. */
export function parseProfile(json: string): ProfiledNode[][] {
  const events = JSON.parse(json) as unknown;
  if (!Array.isArray(events)) return [];
  const all = events as readonly TraceEvent[];
  const runs: { start: number; end: number; nodes: ProfiledNode[] }[] = all
    .filter((e) => e.cat === 'Session' && e.name === 'model_run')
    .map((e) => ({ start: number(e.ts) ?? 0, end: (number(e.ts) ?? 0) + (number(e.dur) ?? 0), nodes: [] }))
    .sort((a, b) => a.start - b.start);
  for (const event of all) {
    const node = toNode(event);
    const at = number(event.ts) ?? 0;
    if (node !== undefined) runs.find((r) => at >= r.start && at <= r.end)?.nodes.push(node);
  }
  return runs.map((r) => r.nodes);
}

function toNode(event: TraceEvent): ProfiledNode | undefined {
  const { args } = event;
  const opType = text(args?.['op_name']);
  if (event.cat !== 'Node' || args === undefined || opType === undefined) return undefined;
  const suffix = '_kernel_time';
  const name = text(event.name) ?? '';
  if (!name.endsWith(suffix)) return undefined;
  return {
    name: name.slice(0, -suffix.length),
    opType,
    nodeIndex: number(args['node_index']),
    ep: epFromProvider(text(args['provider']) ?? ''),
    durationMs: (number(event.dur) ?? 0) / 1000,
    outputBytes: number(args['output_size']),
    parameterBytes: number(args['parameter_size']),
    inputBytes: number(args['activation_size']),
    memInUseBytes: number(args['mem_bytes_in_use']),
    memInUsePeakBytes: number(args['mem_in_use_peak']),
    arenaHeldBytes: number(args['mem_arena_held']),
    inputs: typeShapes(args['input_type_shape']),
    outputs: typeShapes(args['output_type_shape']),
  };
}

/** `[{"float":[8,1,28,28]}, …]` */
function typeShapes(value: unknown): { type: string; dims: number[] }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry: unknown) =>
    Object.entries(entry ?? {}).map(([type, dims]) => ({
      type,
      dims: Array.isArray(dims) ? dims.map(Number) : [],
    })),
  );
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function number(value: unknown): number | undefined {
  const n = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN;
  return Number.isFinite(n) ? n : undefined;
}

const providers: Readonly<Record<string, EpName>> = {
  CPUExecutionProvider: 'cpu',
  WebGpuExecutionProvider: 'webgpu',
  CUDAExecutionProvider: 'cuda',
  TensorrtExecutionProvider: 'tensorrt',
  DmlExecutionProvider: 'dml',
  CoreMLExecutionProvider: 'coreml',
};

/** ORT's provider name as ours; an unknown one without "ExecutionProvider", in lower case. */
export function epFromProvider(provider: string): string {
  return providers[provider] ?? provider.replace(/ExecutionProvider$/, '').toLowerCase();
}

/** Nodes of one run per EP. Fused TensorRT, CoreML and DML partitions count as one. */
export function placementOf(nodes: readonly Pick<ProfiledNode, 'ep'>[]): Record<string, number> {
  const count: Record<string, number> = {};
  for (const { ep } of nodes) count[ep] = (count[ep] ?? 0) + 1;
  return count;
}

/** Highest `mem_in_use_peak` of the run; undefined where the EP's allocators report nothing (all zero). */
export function peakInUse(nodes: readonly ProfiledNode[]): number | undefined {
  const peak = nodes.reduce((max, n) => Math.max(max, n.memInUsePeakBytes ?? 0), 0);
  return peak > 0 ? peak : undefined;
}

/**
 * What each node of the optimized graph took in one run, all its kernel runs (in a loop there are several) together: the
 * least of the runs after the first, which allocates; what else the machine does only adds. In the order of their first
 * kernel run; of one run: that one's.
 */
export function nodeTimesOf(runs: readonly (readonly ProfiledNode[])[]): KernelTime[] {
  const counted = runs.length > 1 ? runs.slice(1) : runs;
  const found = new Map<string, { name: string; opType: string; perRun: number[] }>();
  counted.forEach((nodes, run) => {
    for (const { name, opType, durationMs } of nodes) {
      const key = `${opType} ${name}`;
      const node = found.get(key) ?? { name, opType, perRun: Array<number>(counted.length).fill(0) };
      node.perRun[run] = (node.perRun[run] ?? 0) + durationMs;
      found.set(key, node);
    }
  });
  return [...found.values()].map(({ name, opType, perRun }) => ({
    name,
    opType,
    durationMs: Math.min(...perRun),
  }));
}

/** Kernel runs on other EPs than `ep`, the slowest first: at most {@link maxFallbacks}. */
export function fallbacksOf(nodes: readonly ProfiledNode[], ep: EpName): FallbackNode[] {
  return nodes
    .filter((n) => n.ep !== ep || n.opType.startsWith('Memcpy'))
    .map(({ name, opType, ep: other, durationMs }) => ({ name, opType, ep: other, durationMs }))
    .sort((a, b) => b.durationMs - a.durationMs)
    .slice(0, maxFallbacks);
}

/** More in a list says no more than that the EP does not suit the model. */
const maxFallbacks = 100;
