/**
 * Runs one model twice in a process of its own and prints, as JSON, what the process holds more than before, and which
 * kernels ran where: `node --import=tsx child.ts MODEL EP OPTIMIZATION DIMS`.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { EpName, Optimization } from '../../src/analysis/index.ts';
import { openData } from '../../src/runtime/data/open.ts';
import { planAtDims } from '../../src/runtime/inputs.ts';
import { parseProfile } from '../../src/runtime/profile.ts';
import { peakBytes, resetPeak, residentBytes } from '../../src/runtime/worker/memory.ts';
import {
  createSession,
  describeTensors,
  loadOrt,
  runSession,
  tensorOutputs,
  toFeeds,
} from '../../src/runtime/worker/session.ts';

export interface Run {
  /** Resident memory more than before the session, while it is there after two runs, and at its highest. */
  readonly heldBytes: number;
  readonly peakBytes: number;
  /** Kernels of the second run, as 'EP operator', with how often. */
  readonly kernels: Readonly<Record<string, number>>;
  readonly ortVersion: string;
}

const [model = '', ep = 'cpu', optimization = 'all', dims = '{}'] = process.argv.slice(2);
const ort = await loadOrt();
const prefix = path.join(tmpdir(), `vram-lens-calibrate-${process.pid}`);
const before = residentBytes();
resetPeak();
const spec = { ep: ep as EpName, optimization: optimization as Optimization, settings: {} };
const session = await createSession(ort, model, spec, prefix);
const plan = planAtDims(describeTensors(session.inputMetadata), JSON.parse(dims) as Record<string, number>);
const data = await openData({ kind: 'random', seed: 1, samples: 1 }, plan, {});
const first = await data.batches().next();
const feeds = first.done === true ? {} : toFeeds(ort, first.value.feeds);
for (let i = 0; i < 2; i++) await runSession(session, feeds, tensorOutputs(session), 'calibrating');
const held = residentBytes() - before;
const peak = peakBytes() - before;
session.endProfiling();
const run: Run = {
  heldBytes: held,
  peakBytes: peak,
  kernels: await kernels(),
  ortVersion: ort.env.versions.node ?? 'unknown',
};
console.log(JSON.stringify(run));

async function kernels(): Promise<Record<string, number>> {
  const folder = path.dirname(prefix);
  const name = (await readdir(folder)).find((f) => f.startsWith(path.basename(prefix)));
  if (name === undefined) throw new Error('ONNX Runtime wrote no profile');
  const file = path.join(folder, name);
  const nodes = parseProfile(await readFile(file, 'utf8'))[1] ?? [];
  await rm(file);
  const counts: Record<string, number> = {};
  for (const n of nodes) counts[`${n.ep} ${n.opType}`] = (counts[`${n.ep} ${n.opType}`] ?? 0) + 1;
  return counts;
}
