/** The GPUs of the machine that the extension runs on, asked for once. */
import { workspace } from 'vscode';
import { listGpus } from '../src/runtime/index.ts';
import type { DeviceView } from '../src/protocol.ts';
import { log } from './log.ts';

/** The first picture of a model waits no longer for the system's answer; the page may ask again. */
const patienceMs = 100;

export class Devices {
  #asked: Promise<readonly DeviceView[]> | undefined;

  /** Every GPU with memory of its own; empty where none is found, or in an untrusted workspace. */
  all(): Promise<readonly DeviceView[]> {
    // it asks programs of the system: looking at a file must not run anything
    if (!workspace.isTrusted) return Promise.resolve([]);
    return (this.#asked ??= find());
  }

  /** As `all`, but empty where the system is slow to answer. */
  async list(): Promise<readonly DeviceView[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<readonly DeviceView[]>((resolve) => {
      timer = setTimeout(() => resolve([]), patienceMs);
    });
    const found = await Promise.race([this.all(), late]);
    clearTimeout(timer);
    return found;
  }
}

async function find(): Promise<readonly DeviceView[]> {
  try {
    const gpus = await listGpus();
    return gpus.flatMap(({ name, vramBytes }) => (vramBytes === undefined ? [] : [{ name, vramBytes }]));
  } catch (error) {
    log().warn('The GPUs of this machine cannot be listed:', error);
    return [];
  }
}
