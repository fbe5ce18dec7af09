/** The options of commands that run models which say how ONNX Runtime's session is made. */
import type { Command } from 'commander';
import type { SessionSettings } from '../runtime/index.ts';
import { parseBudget, parsePositiveInteger } from './options.ts';

export interface SessionFlags {
  readonly threads?: number;
  readonly interOpThreads?: number;
  readonly arena?: boolean;
  readonly memPattern?: boolean;
  readonly prepacking?: boolean;
  readonly memoryLimit?: number;
}

export function withSessionOptions(command: Command): Command {
  return command
    .option('--threads <n>', 'threads within an operator', (t) => parsePositiveInteger('--threads', t))
    .option('--inter-op-threads <n>', 'operators that run at once', (t) =>
      parsePositiveInteger('--inter-op-threads', t),
    )
    .option('--no-arena', 'give memory back after each use')
    .option('--no-mem-pattern', 'do not plan one block for each run')
    .option('--no-prepacking', 'do not re-lay weights for the kernels')
    .option('--memory-limit <size>', 'end a run whose process holds more, e.g. 4GiB', parseBudget);
}

/** What is left out is as ONNX Runtime has it. */
export function sessionSettings(flags: SessionFlags): SessionSettings {
  const off = (flag: boolean | undefined) => (flag === false ? false : undefined);
  return {
    intraOpThreads: flags.threads,
    interOpThreads: flags.interOpThreads,
    cpuMemArena: off(flags.arena),
    memPattern: off(flags.memPattern),
    prepacking: off(flags.prepacking),
    memoryLimitBytes: flags.memoryLimit,
  };
}
