/**
 * A bare onnxruntime-node loop in a process of its own: `bare.ts MODEL INPUT DIMS RUNS`. Prints the median of a run in
 * milliseconds, and how far the process's resident memory grew from before the session to its peak.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const [model = '', input = '', dimsText = '', runsText = ''] = process.argv.slice(2);
const dims = dimsText.split(',').map(Number);
const size = dims.reduce((a, b) => a * b, 1);

const peak = (): number => {
  const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  return Number(kib) * 1024;
};
async function main(): Promise<void> {
  const before = process.memoryUsage.rss();
  writeFileSync('/proc/self/clear_refs', '5');
  const session = await InferenceSession.create(model);
  const times: number[] = [];
  for (let i = 0; i <= Number(runsText); i++) {
    const data = Float32Array.from({ length: size }, Math.random);
    const start = performance.now();
    await session.run({ [input]: new Tensor('float32', data, dims) });
    // the first one allocates
    if (i > 0) times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  console.log(JSON.stringify({ p50Ms: times[Math.floor(times.length / 2)], growthBytes: peak() - before }));
}

// no await at the top level: it is bundled as CommonJS, as the runner's child is
void main();
