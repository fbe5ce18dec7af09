/** Whether an EP really works: a tiny model run on it, its answer and its placement checked. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { EpName } from '../../analysis/types.ts';
import { cpuName } from '../cpu-name.ts';
import { RunnerError } from '../failure.ts';
import type { Backend, ProbeJob } from '../messages.ts';
import { overflowInput, overflowModel, overflowShown } from '../overflow-model.ts';
import { probeAnswer, probeInput, probeModel } from '../probe-model.ts';
import { parseProfile } from '../profile.ts';
import type { EpStatus } from '../types.ts';
import { softwareAdapter, softwareBySpeed } from './adapter.ts';
import { residentBytes } from './memory.ts';
import { createSession, loadOrt, runSession, type Ort } from './session.ts';

export async function listBackends(): Promise<Backend[]> {
  const ort = await loadOrt();
  return ort.listSupportedBackends().map(({ name, bundled }) => ({ name, bundled }));
}

/** Throws where it does not work; the parent turns the error into a reason. */
export async function probeEp(job: ProbeJob): Promise<EpStatus> {
  const { ep } = job;
  const ort = await loadOrt();
  const spec = { ep, optimization: 'disabled', settings: {} } as const;
  const before = residentBytes();
  const session = await createSession(ort, { bytes: probeModel() }, spec, path.join(job.scratch, 'probe'));
  const x = new ort.Tensor('float32', Float32Array.from(probeInput.values), probeInput.dims);
  const { y } = await runSession(session, { x }, ['y'], `probing ${ep}`);
  const expected = probeAnswer();
  const found = y === undefined ? [] : Array.from(y.data as Float32Array);
  if (expected.length !== found.length || expected.some((e, i) => e !== found[i])) {
    throw new RunnerError(
      'ep',
      `${ep} computes wrong numbers: expected [${expected.join(', ')}], found [${found.join(', ')}].`,
    );
  }
  const overheadBytes = ep === 'webgpu' ? Math.max(0, residentBytes() - before) : undefined;
  session.endProfiling();
  const device = await deviceOf(ort, ep);
  await session.release();
  const file = (await readdir(job.scratch)).find((f) => f.startsWith('probe'));
  const profile = file === undefined ? '[]' : await readFile(path.join(job.scratch, file), 'utf8');
  const nodes = parseProfile(profile).flat();
  if (!nodes.some((n) => n.ep === ep)) {
    const where = [...new Set(nodes.map((n) => n.ep))].join(', ');
    throw new RunnerError('ep', `ONNX Runtime took the EP but ran the model elsewhere (${where}).`);
  }
  const int8Overflows = ep === 'cpu' ? await findOverflow(ort) : undefined;
  return {
    ...{ ep, available: true, ...device },
    ...(int8Overflows === undefined ? {} : { int8Overflows }),
    ...(overheadBytes === undefined ? {} : { overheadBytes }),
  };
}

/** Undefined where it cannot be told: a CPU that runs floats is of use all the same. */
async function findOverflow(ort: Ort): Promise<boolean | undefined> {
  try {
    const spec = { ep: 'cpu', optimization: 'all', settings: {} } as const;
    const session = await createSession(ort, { bytes: overflowModel() }, spec);
    const x = new ort.Tensor('uint8', overflowInput.values, overflowInput.dims);
    const { y } = await runSession(session, { x }, ['y'], 'probing sums of 8-bit products');
    await session.release();
    return y === undefined ? undefined : overflowShown(y.data as Int32Array);
  } catch {
    return undefined;
  }
}

/** An empty detail: the parent knows the GPU's name better. */
async function deviceOf(ort: Ort, ep: EpName): Promise<Pick<EpStatus, 'detail' | 'isSoftware'>> {
  if (ep === 'cpu') return { detail: cpuName() };
  if (ep !== 'webgpu') return { detail: '' };
  const software = process.platform === 'linux' ? softwareAdapter() : await softwareBySpeed(ort, ep);
  return software === undefined ? { detail: '' } : { detail: software, isSoftware: true };
}
