/**
 * The one runner of the window: made when first needed, refused where the workspace is not trusted. The code that runs
 * models is loaded then, too: VS Code starts without it.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { l10n, Uri, workspace, type Disposable, type ExtensionContext } from 'vscode';
import type { CudaInstallation, Runner, RunnerOptions } from '../src/runtime/index.ts';
import { log } from './log.ts';
import { settings } from './settings.ts';

export class RunnerClient implements Disposable {
  readonly #workerPath: string;
  /** Of the window's machine, not of the extension, which an update replaces. */
  readonly #storage: string;
  /** What is installed; looked for when first needed. */
  #cuda: Promise<CudaInstallation | undefined> | undefined;
  #runner: Runner | undefined;

  constructor({
    extensionUri,
    globalStorageUri,
  }: Pick<ExtensionContext, 'extensionUri' | 'globalStorageUri'>) {
    this.#workerPath = Uri.joinPath(extensionUri, 'dist', 'runtime-worker.cjs').fsPath;
    this.#storage = globalStorageUri.fsPath;
  }

  /**
   * With the session settings as they are now: each run of the window comes by here, or by {@link options}.
   * @throws as {@link options}
   */
  async runner(): Promise<Runner> {
    const options = await this.options();
    const runtime = await import('../src/runtime/index.ts');
    this.#runner ??= new runtime.Runner(options);
    this.#runner.session = options.session ?? {};
    return this.#runner;
  }

  /**
   * For a runner elsewhere.
   * @throws Error in an untrusted workspace: a model is run by native code, which must not be fed what is not trusted
   */
  async options(): Promise<RunnerOptions> {
    if (!workspace.isTrusted)
      throw new Error(l10n.t('Models are run in trusted workspaces only. Trust this workspace first.'));
    const cuda = await (this.#cuda ??= this.#findCuda());
    return {
      workerPath: this.#workerPath,
      probeCache: this.probeCache,
      ortFolder: cuda?.ortFolder,
      session: settings.session,
    };
  }

  /** Which execution providers work, and what was measured of the processor. */
  get probeCache(): string {
    return path.join(this.#storage, 'execution-providers.json');
  }

  /** Where CUDA support is installed. */
  get cudaFolder(): string {
    return path.join(this.#storage, 'cuda');
  }

  /** The package `onnxruntime-node` that comes with the extension. */
  get ortFolder(): string {
    return path.dirname(createRequire(this.#workerPath).resolve('onnxruntime-node/package.json'));
  }

  /** Finds what is installed, when that changed: the next run uses it. */
  async refresh(): Promise<void> {
    const before = await this.#cuda;
    this.#cuda = this.#findCuda();
    const found = await this.#cuda;
    if (found?.ortFolder !== before?.ortFolder) await this.stop();
  }

  async #findCuda(): Promise<CudaInstallation | undefined> {
    try {
      const { cudaInstallation } = await import('../src/runtime/index.ts');
      return await cudaInstallation(this.cudaFolder, this.ortFolder);
    } catch (error) {
      log().warn('CUDA support cannot be read:', error);
      return undefined;
    }
  }

  /** Ends what runs; the next run starts anew. */
  async stop(): Promise<void> {
    const runner = this.#runner;
    this.#runner = undefined;
    await runner?.dispose();
  }

  dispose(): void {
    this.stop().catch((error: unknown) => log().warn('The runner did not end well:', error));
  }
}
