/**
 * `vram-lens`: the extension's capabilities without VS Code, for scripts, CI and remote machines.
 *
 * ```sh
 * vram-lens estimate model.onnx --dim batch=8 --ep cpu
 * vram-lens quantize model.onnx -o model.int8.onnx --layers '/encoder/**'
 * vram-lens check model.onnx model.int8.onnx --batch 1,8 --data test.npz
 * ```
 * Exit codes: 0 done, 2 bad input or options (one line on stderr), 130 interrupted.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command, CommanderError } from 'commander';
import { checkCommand } from './check.ts';
import { cleanCommand } from './clean.ts';
import { demoCommand } from './demo.ts';
import { diffCommand } from './diff.ts';
import { estimateCommand } from './estimate.ts';
import { exitCodes, failureLine } from './failure.ts';
import { pruneCommand } from './prune.ts';
import { quantizeCommand } from './quantize.ts';
import { optimizeLate } from './short-run.ts';
import { colour } from './terminal.ts';
import { textCommand } from './text.ts';
import { verifyCommand } from './verify.ts';

const commands = [
  estimateCommand,
  quantizeCommand,
  pruneCommand,
  cleanCommand,
  checkCommand,
  diffCommand,
  textCommand,
  verifyCommand,
  demoCommand,
];

async function main(argv: readonly string[]): Promise<void> {
  optimizeLate();
  const interrupt = new AbortController();
  // once: a second Ctrl-C ends the process at once
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => interrupt.abort());
  // the reader had enough (`| head`)
  process.stdout.on('error', () => process.exit(0));
  try {
    await program(interrupt.signal).parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error, interrupt.signal.aborted);
  }
}

function program(signal: AbortSignal): Command {
  const root = new Command('vram-lens')
    .description('Memory-aware editing of ONNX models: estimate, quantize, prune, check.')
    .option('--version', 'print the version')
    .on('option:version', () => {
      process.stdout.write(`${version()}\n`);
      throw new CommanderError(0, 'commander.version', '');
    });
  for (const command of commands) root.addCommand(command(signal));
  for (const c of [root, ...root.commands]) {
    const help = c === root ? 'vram-lens --help' : `vram-lens ${c.name()} --help`;
    c.exitOverride().configureOutput({
      outputError: (text, write) =>
        write(
          `${colour.red('vram-lens:')} ${text.replace(/^error: /, '').trim()} (${help} shows what there is)\n`,
        ),
    });
  }
  return root;
}

/** The package's, which lies beside the folder of this bundle. */
function version(): string {
  const file = path.join(import.meta.dirname, '../package.json');
  const json = JSON.parse(readFileSync(file, 'utf8')) as { version?: string };
  return json.version ?? 'unknown';
}

/** Says what went wrong, in one line; the exit code. */
function report(error: unknown, isInterrupted: boolean): number {
  // commander has printed its own line; help and version are no failure
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.badInput;
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[2K');
  process.stderr.write(`${colour.red('vram-lens:')} ${isInterrupted ? 'interrupted' : failureLine(error)}\n`);
  if (process.env['VRAM_LENS_DEBUG'] !== undefined && error instanceof Error) {
    process.stderr.write(`${error.stack ?? ''}\n`);
  }
  return isInterrupted ? exitCodes.interrupted : exitCodes.badInput;
}

void main(process.argv);
