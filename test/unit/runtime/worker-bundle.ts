/** The runner's child process as it is shipped: one bundle, made once for all tests of this room. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import esbuild from 'esbuild';
import { Runner, type RunnerOptions } from '../../../src/runtime/index.ts';
import { removeLeftovers } from '../../support/folders.ts';

const root = path.resolve(import.meta.dirname, '../../..');
export const models = path.join(root, 'test/fixtures/models');
export const samples = path.join(root, 'media/samples');

/** A new folder with a bundle per entry (its name, then its source), as scripts/bundles.mjs makes them for Node. */
export async function bundleFolder(
  entries: Readonly<Record<string, string>>,
  { isMinified = false } = {},
): Promise<string> {
  // below the project, so that the bundles find onnxruntime-node
  const cache = path.join(root, '.cache');
  await mkdir(cache, { recursive: true });
  removeLeftovers(cache, /^test-bundles-/); // of tests that were killed
  const folder = await mkdtemp(path.join(cache, 'test-bundles-'));
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: Object.entries(entries).map(([out, source]) => ({ in: source, out })),
    outdir: folder,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    minify: isMinified,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    define: { 'import.meta.dirname': '__dirname', 'import.meta.url': '__filename' },
    loader: { '.wasm': 'binary' },
    external: ['onnxruntime-node'],
    logLevel: 'error',
  });
  return folder;
}

/** Runners and the folder of the worker, for the tests of one `describe`; all ended and removed after them. */
export class Workers {
  #folder = '';
  #shared: Runner | undefined;
  readonly #runners: Runner[] = [];

  constructor() {
    before(async () => {
      this.#folder = await bundleFolder({ worker: 'src/runtime/worker/main.ts' });
    });
    after(async () => {
      await Promise.all(this.#runners.map((r) => r.dispose()));
      await rm(this.#folder, { recursive: true, maxRetries: 5 });
    });
  }

  get bundle(): string {
    return path.join(this.#folder, 'worker.cjs');
  }

  /** One for the tests that need no other options: it need not find out again what works here. */
  get shared(): Runner {
    return (this.#shared ??= this.runner());
  }

  runner(options: Partial<RunnerOptions> = {}): Runner {
    const runner = new Runner({ workerPath: this.bundle, ...options });
    this.#runners.push(runner);
    return runner;
  }

  /** A worker that does `action` when it has said a phase like `phase`, of a job for which `condition` (of `job`) holds. */
  async sabotaged(
    name: string,
    condition: string,
    action: string,
    phase = /^(running|probing)/,
  ): Promise<string> {
    const file = path.join(this.#folder, `${name}.cjs`);
    await writeFile(
      file,
      `let isMeant = false;
       process.on('message', (job) => (isMeant = ${condition}));
       const send = process.send?.bind(process);
       process.send = (message, ...rest) =>
         isMeant && message.type === 'phase' && ${String(phase)}.test(message.phase)
           ? send(message, () => { ${action} })
           : send(message, ...rest);
       require('./worker.cjs');\n`,
    );
    return file;
  }
}
