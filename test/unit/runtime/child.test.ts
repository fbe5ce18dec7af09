/** The child process itself: it outlives nobody, leaves nothing, and starts anywhere. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestFolder } from './numpy-files.ts';
import { cnn, request } from './runner-cases.ts';
import { Workers } from './worker-bundle.ts';

describe('a child process', () => {
  const workers = new Workers();
  const folder = new TestFolder();

  it('ends and tidies up when its parent is killed in the midst of a run', async () => {
    const scratch = folder.file('scratch');
    await mkdir(scratch);
    const job = {
      kind: 'run',
      model: cnn,
      session: { ep: 'cpu', optimization: 'all', settings: {} },
      dims: {},
      hints: {},
      scratch,
      batchSize: 1024,
      data: { kind: 'random', seed: 0, samples: 1024 * 1000 },
      saveOutputs: path.join(scratch, 'outputs'),
    };
    const options = {
      workerPath: workers.bundle,
      execPath: process.execPath,
      execArgv: [],
      env: {},
      silenceMs: 60_000,
    };
    const child = path.resolve(import.meta.dirname, '../../../src/runtime/child.ts');
    const script = folder.file('parent.mts');
    await writeFile(
      script,
      `import { runJob } from ${JSON.stringify(child)};
       let pid = 0;
       await runJob(${JSON.stringify(job)}, { ...${JSON.stringify(options)},
         onStart: (p: number) => { pid = p; }, onProgress: () => console.log(pid) } as never);`,
    );
    const parent = spawn(process.execPath, ['--import=tsx', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = await new Promise<number>((resolve) => {
      parent.stdout.once('data', (line: Buffer) => resolve(Number(line.toString().split('\n')[0])));
    });
    assert.ok(isAlive(pid));
    assert.ok(existsSync(path.join(scratch, 'outputs')));
    parent.kill('SIGKILL');
    for (let waited = 0; isAlive(pid) && waited < 5000; waited += 50) await sleep(50);
    assert.ok(!isAlive(pid), `${pid} still runs`);
    assert.ok(!existsSync(scratch));
  });

  it('keeps no usage data: ONNX Runtime is told so before it starts', async () => {
    const home = folder.file('home');
    await mkdir(home);
    const silent = workers.runner({ env: { HOME: home, XDG_CACHE_HOME: home, USERPROFILE: home } });
    await silent.profile(cnn);
    assert.deepEqual(await readdir(home), []);
  });

  it('runs from a folder with spaces and signs in its name', async () => {
    const odd = path.join(path.dirname(workers.bundle), 'a b (c) é');
    await mkdir(odd);
    const model = path.join(odd, 'm ö.onnx');
    await copyFile(cnn, model);
    const workerPath = path.join(odd, 'worker.cjs');
    await copyFile(workers.bundle, workerPath);
    const { batches } = await workers
      .runner({ workerPath })
      .check(request({ original: model, compressed: model }));
    assert.equal(batches[0]?.error, undefined);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
