/** What runs showed of this machine's processor and of WebGPU on it: kept from an earlier window, or found out where the system does not say. */
import { workspace } from 'vscode';
import { learnInt8Overflows, thisMachine } from '../src/machine.ts';
import { keptInt8Overflows } from '../src/runtime/index.ts';
import type { EpStatus } from '../src/runtime/index.ts';
import type { SessionClient } from './document/session-client.ts';
import { log } from './log.ts';
import type { RunnerClient } from './runner-client.ts';

export class Processor {
  readonly #runner: RunnerClient;
  readonly #sessions: SessionClient;
  #asked: Promise<void> | undefined;

  constructor(runner: RunnerClient, sessions: SessionClient) {
    this.#runner = runner;
    this.#sessions = sessions;
  }

  /** What a probe measured: estimates from then on say so. */
  learn(statuses: readonly EpStatus[]): void {
    const webgpu = statuses.find((s) => s.ep === 'webgpu');
    if (webgpu?.overheadBytes !== undefined) this.#sessions.learnWebgpuOverhead(webgpu.overheadBytes);
  }

  /** Resolves, whatever happens, once as much is known as can be: edits of int8 weights wait for it. */
  known(): Promise<void> {
    return (this.#asked ??= this.#find());
  }

  async #find(): Promise<void> {
    try {
      const overflows = (await keptInt8Overflows(this.#runner.probeCache)) ?? (await this.#measured());
      if (overflows === undefined) {
        // once the workspace is trusted, it may be measured
        this.#asked = undefined;
        return;
      }
      learnInt8Overflows(overflows);
      this.#sessions.learnInt8Overflows(overflows);
    } catch (error) {
      this.#asked = undefined;
      log().warn('What the processor does with int8 cannot be measured:', error);
    }
  }

  /** Where the system says it, nothing is run; nor in an untrusted workspace. */
  async #measured(): Promise<boolean | undefined> {
    if (thisMachine().int8Overflows !== undefined || !workspace.isTrusted) return undefined;
    const runner = await this.#runner.runner();
    return (await runner.cpuStatus()).int8Overflows;
  }
}
