/** Devices: weights by what becomes of each form there, activations, and what the provider holds beside them. */
import { thisMachine } from '../../machine.ts';
import type { RuntimeBlock } from '../memory/runtime.ts';
import type { Value } from '../memory/values.ts';
import type { EpName, Figure } from '../types.ts';
import { weightBehaviour } from './behaviour.ts';
import { weightForm } from './forms.ts';
import { leastCertain } from './situation.ts';
import type { EpFigures, Situation } from './situation.ts';
import { deviceBuffers } from './webgpu-buffers.ts';

interface DeviceProfile {
  /** Context, kernels, libraries. */
  readonly overheadBytes: number;
  readonly note: string;
}

const MiB = 2 ** 20;

const profiles: Readonly<Record<Exclude<EpName, 'cpu'>, DeviceProfile>> = {
  webgpu: {
    overheadBytes: 50 * MiB,
    note: 'measured on SwiftShader with a net of one node, half of it code of the library; the shaders that a software device compiles, several MiB each, and what a graphics driver holds are not in it',
  },
  cuda: {
    overheadBytes: 350 * MiB,
    note: 'CUDA context, cuBLAS and cuDNN; varies with driver and card, not measured',
  },
  tensorrt: { overheadBytes: 500 * MiB, note: 'CUDA context and TensorRT engine; varies, not measured' },
  dml: { overheadBytes: 100 * MiB, note: 'Direct3D 12 heaps; varies with the driver, not measured' },
  coreml: { overheadBytes: 50 * MiB, note: 'compiled model; varies, not measured' },
};

/** As the probe of this machine measured it; undefined where it was not asked. */
function webgpuHere(): DeviceProfile | undefined {
  const overheadBytes = thisMachine().webgpuOverheadBytes;
  if (overheadBytes === undefined) return undefined;
  const note =
    'measured here: growth of the process by a tiny net; what a graphics driver holds elsewhere is not in it';
  return { overheadBytes, note };
}

export function deviceFigures(s: Situation, ep: Exclude<EpName, 'cpu'>): EpFigures {
  const deviceWeights = weightsOn(s, ep);
  const { overheadBytes, note } = (ep === 'webgpu' ? webgpuHere() : undefined) ?? profiles[ep];
  const activation = s.peakActivation.bytes ?? 0;
  const kept = ep === 'webgpu' ? keptBuffers(s, activation) : undefined;
  return {
    deviceWeights,
    weightsBeside: { bytes: 0, certainty: 'estimate', note: 'all weights are on the device' },
    workspace: { bytes: 0, certainty: 'atLeast', note: 'scratch space of the kernels is not known' },
    keptBuffers: kept,
    overhead: { bytes: overheadBytes, certainty: 'estimate', note },
    totalPeak: {
      bytes: (deviceWeights.bytes ?? 0) + activation + (kept?.bytes ?? 0) + overheadBytes,
      certainty: leastCertain(deviceWeights, s.peakActivation, { certainty: 'estimate' }),
      note: ep === 'webgpu' ? 'from measurements on SwiftShader' : 'from sources, not measured',
    },
  };
}

function keptBuffers(s: Situation, activationBytes: number): Figure {
  return {
    bytes: Math.max(0, deviceBuffers(s.runtime.main, s.sizes).peakBytes - activationBytes),
    certainty: 'estimate',
    note: 'WebGPU makes buffers in a few sizes and keeps those that are free until the session ends; with copies of weights and staging buffers',
  };
}

/**
 * As stored: what is expanded is so when it runs, and counts as activations. What falls back to the CPU is not on the
 * device.
 */
function weightsOn(s: Situation, ep: EpName): Figure {
  let bytes = 0;
  for (const v of constantsOf(s.runtime.main)) bytes += s.sizes.knownBytes(v);
  for (const n of s.compiled.program.nodes) {
    const form = weightForm(n);
    if (form === undefined || weightBehaviour(ep, n.node.opType, form).fate !== 'cpu-fallback') continue;
    bytes -= (s.compiled.weightsOf.get(n) ?? []).reduce((sum, v) => sum + s.sizes.knownBytes(v), 0);
  }
  return {
    bytes: Math.max(0, bytes),
    certainty: 'estimate',
    note: 'by what becomes of each weight form on this provider',
  };
}

function constantsOf(block: RuntimeBlock): Value[] {
  const inner = block.nodes.flatMap((n) => n.bodies.flatMap((b) => constantsOf(b.block)));
  return [...block.constants, ...inner];
}
