/** `vram-lens verify MODEL`: is the file whole, are its external data there, and do they match their checksums. */
import { Command } from 'commander';
import { externalChecksums, type ExternalChecksum, type Model } from '../onnx/index.ts';
import { exitCodes } from './failure.ts';
import { withModel } from './model.ts';
import { print, printJson } from './output.ts';
import { colour, progressLine } from './terminal.ts';

export function verifyCommand(signal: AbortSignal): Command {
  return new Command('verify')
    .description('check that a model is whole and its external data match their checksums')
    .argument('<model>', 'an .onnx file')
    .option('--json', 'print JSON')
    .action((file: string, flags: { json?: true }) =>
      withModel(file, signal, async (model) => {
        const checksums = await externalChecksums(model, { signal, onProgress: progressLine() });
        const ok = checksums.every((c) => c.ok);
        if (flags.json === true) printJson({ file, ok, warnings: model.warnings, checksums });
        else print(report(model, checksums));
        if (!ok) process.exitCode = exitCodes.badInput;
      }),
    );
}

function report(model: Model, checksums: readonly ExternalChecksum[]): string[] {
  const warnings = model.warnings.map((w) => `${colour.yellow('!')} ${w.message}`);
  const lines = checksums.map((c) =>
    c.ok
      ? `${colour.green('✓')} ${c.path} matches its checksum ${c.actual}`
      : `${colour.red('✗')} ${c.path} has SHA-1 ${c.actual}, the model says ${c.expected.join(' and ')}: it was changed, or belongs to another model`,
  );
  const none = `${colour.green('✓')} the file is whole; the model gives no checksums of external data`;
  return [...warnings, ...(checksums.length === 0 ? [none] : lines)];
}
