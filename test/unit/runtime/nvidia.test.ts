/** GPU memory by nvidia-smi: the real sampler on a program that speaks as nvidia-smi does. */
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { GpuSampler } from '../../../src/runtime/nvidia.ts';
import { TestFolder } from './numpy-files.ts';

describe('the sampler', () => {
  const folder = new TestFolder();
  const path = process.env['PATH'];
  afterEach(() => (process.env['PATH'] = path));

  /** `apps` and `device`: the lines that each query prints, one each 20 ms. */
  async function install(apps: readonly string[], device: readonly string[]): Promise<void> {
    const print = (lines: readonly string[]) => lines.map((l) => `echo '${l}'; sleep 0.02`).join('; ');
    const script = `#!/bin/sh\ncase "$1" in *compute-apps*) ${print(apps)};; *) ${print(device)};; esac\nexec sleep 30\n`;
    await writeFile(folder.file('nvidia-smi'), script);
    await chmod(folder.file('nvidia-smi'), 0o755);
    process.env['PATH'] = `${folder.path}:${path ?? ''}`;
  }

  it('gives the highest of the process where it is listed', async () => {
    await install(['7, 10', '42, 100', '42, 300', '42, 200'], ['1000', '1300']);
    const sampler = new GpuSampler(() => 42);
    await sampler.ready();
    await sleep(400);
    assert.deepEqual(sampler.stop(), {
      bytes: 300 * 2 ** 20,
      source: 'GPU memory of the process (nvidia-smi)',
    });
  });

  it('gives the growth of the device where it is not, as in a container', async () => {
    await install(['7, 10', '42, [N/A]'], ['1000', '1300', '1200']);
    const sampler = new GpuSampler(() => 42);
    await sampler.ready();
    await sleep(400);
    assert.deepEqual(sampler.stop(), {
      bytes: 300 * 2 ** 20,
      source: 'GPU memory growth, whole device (nvidia-smi)',
    });
  });

  it('has nothing to say of a device that does not grow, or where there is none', async () => {
    await install([], ['1000', '1000']);
    const still = new GpuSampler(() => 42);
    await still.ready();
    await sleep(200);
    assert.equal(still.stop(), undefined);
    process.env['PATH'] = folder.path + '/none';
    const none = new GpuSampler(() => 42);
    await none.ready();
    assert.equal(none.stop(), undefined);
  });
});
