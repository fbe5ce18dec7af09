/** The extension starts with its glue alone: what computes lies in other bundles. */
import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import esbuild from 'esbuild';
import { entries } from '../../../scripts/bundles.mjs';

const root = path.resolve(import.meta.dirname, '../../..');
const run = promisify(execFile);
const tries = 5;

/** Minified, as it is packed. */
const maxBytes = 220_000;
/** Of processor time, until VS Code goes on. */
const maxStartMs = 50;

interface Start {
  readonly processorMs: number;
  readonly isActive: boolean;
  readonly subscriptions: number;
  readonly loaded: readonly string[];
}

describe('the start of the extension', function () {
  this.timeout(60_000);
  let folder: string;
  let bundle: string;
  let inputs: readonly string[];
  let bytes: number;

  before(async () => {
    const cache = path.join(root, '.cache');
    await mkdir(cache, { recursive: true });
    folder = await mkdtemp(path.join(cache, 'test-start-'));
    const found = entries.find(([, outfile]) => outfile === 'dist/extension.cjs');
    assert.ok(found);
    const [entry, , options] = found;
    bundle = path.join(folder, 'extension.cjs');
    const { metafile } = await esbuild.build({
      ...{ ...options, minify: true, metafile: true, sourcemap: false },
      ...{ entryPoints: [entry], outfile: bundle },
    });
    const [output] = Object.values(metafile.outputs);
    assert.ok(output);
    bytes = output.bytes;
    inputs = Object.entries(output.inputs).flatMap(([file, { bytesInOutput }]) =>
      bytesInOutput === 0 ? [] : [file],
    );
  });

  after(() => rm(folder, { recursive: true, maxRetries: 5 }));

  it('takes along neither models nor what computes, changes or runs them', () => {
    const heavy =
      /^src\/(analysis\/(shapes|memory|ep|training)|onnx\/(read|wire|write|save|files|tensor)|transforms\/(kernels|quantize|prune|weights|wasm|graph|worker)|runtime\/(runner|child|sweep|calibrate|cuda\/install))|node_modules\/(protobufjs|yauzl)\//;
    assert.ok(inputs.includes('extension/main.ts'));
    assert.deepEqual(
      inputs.filter((f) => heavy.test(f)),
      [],
    );
    assert.ok(bytes <= maxBytes, `${bytes} bytes`);
  });

  it(`takes at most ${maxStartMs} ms, and loads nothing of ours beside it`, async () => {
    const starts: Start[] = [];
    for (let i = 0; i < tries; i++) {
      const { stdout } = await run(process.execPath, [
        path.join(import.meta.dirname, 'host-stub.cjs'),
        bundle,
      ]);
      starts.push(JSON.parse(stdout) as Start);
    }
    for (const { isActive, subscriptions, loaded } of starts) {
      assert.ok(isActive);
      assert.ok(subscriptions > 30, 'every command is registered');
      assert.deepEqual(
        loaded.filter((f) => f !== bundle && f.endsWith('.cjs')),
        [],
      );
    }
    const times = starts.map((s) => s.processorMs).sort((a, b) => a - b);
    const median = times[Math.floor(tries / 2)];
    assert.ok(median !== undefined && median <= maxStartMs, `${times.join(', ')} ms`);
  });
});
