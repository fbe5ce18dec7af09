/** The command line as it is shipped, run as a process of its own. */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { Model } from '../../../src/onnx/index.ts';
import { encode } from '../../support/model-builder.ts';
import { bundleFolder } from '../runtime/worker-bundle.ts';

export const root = path.resolve(import.meta.dirname, '../../..');

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A copy of the shipped files, and a folder to work in, for the tests of one `describe`. */
export class CommandLine {
  #home = '';
  #folder = '';

  constructor() {
    before(async () => {
      this.#home = await bundleFolder({
        cli: 'src/cli/main.ts',
        'runtime-worker': 'src/runtime/worker/main.ts',
        'transforms-worker': 'src/transforms/worker/main.ts',
      });
      // as in the package: dist/ beside package.json and media/
      const dist = await mkdtemp(`${this.#home}-`);
      await rename(this.#home, path.join(dist, 'dist'));
      this.#home = dist;
      await cp(path.join(root, 'package.json'), path.join(dist, 'package.json'));
      this.#folder = path.join(dist, 'work');
      await cp(path.join(root, 'media/samples'), path.join(dist, 'media/samples'), { recursive: true });
      await cp(path.join(root, 'media/samples/fmnist_cnn.onnx'), this.file('cnn.onnx'));
    });
    after(() => rm(this.#home, { recursive: true, maxRetries: 5 }));
  }

  /** The folder that commands run in. */
  get folder(): string {
    return this.#folder;
  }

  file(name: string): string {
    return path.join(this.#folder, name);
  }

  async write(name: string, content: Uint8Array | string): Promise<void> {
    await writeFile(this.file(name), content);
  }

  async save(name: string, model: Model): Promise<void> {
    await this.write(name, await encode(model));
  }

  start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, [path.join(this.#home, 'dist/cli.cjs'), ...args], {
      cwd: this.#folder,
      // whatever the tests themselves are printed in
      env: { ...process.env, FORCE_COLOR: undefined, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const finished = new Promise<Finished>((resolve, reject) => {
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
      child.on('error', reject);
      child.on('close', (code) => {
        resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
      });
    });
    return { child, finished };
  }

  run(...args: string[]): Promise<Finished> {
    return this.start(args).finished;
  }

  /** What `--json` gives; throws with the message where the command fails. */
  async json<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.run(...args, '--json');
    if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }
}

/** The one line that a failed command says; throws where it said more. */
export function oneLine({ stderr }: Finished): string {
  const lines = stripVTControlCharacters(stderr).trimEnd().split('\n');
  if (lines.length !== 1) throw new Error(`${lines.length} lines instead of one:\n${stderr}`);
  return lines[0] ?? '';
}
