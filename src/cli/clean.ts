/** `vram-lens clean IN -o OUT`: takes out initializers that nothing uses, and makes one of equal ones. */
import { Command } from 'commander';
import type { Model } from '../onnx/index.ts';
import { findDuplicates, type CleanEdit, type Recipe } from '../transforms/index.ts';
import { progressLine } from './terminal.ts';
import { DEFAULT_SAMPLES, transformFile } from './transform.ts';

interface Flags {
  readonly output: string;
  readonly unused?: boolean;
  readonly duplicates?: boolean;
  readonly writeRecipe?: string;
  readonly json?: boolean;
}

export function cleanCommand(signal: AbortSignal): Command {
  return new Command('clean')
    .description('remove initializers that nothing uses, and merge equal ones; without options both')
    .argument('<model>', 'an .onnx file; it is not changed')
    .requiredOption('-o, --output <file>', 'where to write the new model')
    .option('--unused', 'remove those that nothing uses')
    .option('--duplicates', 'merge those of equal type, shape and bytes (reads the weights that are alike)')
    .option('--write-recipe <file>', 'write down what was done, to be repeated with quantize --recipe')
    .option('--json', 'print JSON')
    .action((file: string, flags: Flags) =>
      transformFile(
        file,
        { ...flags, ep: 'cpu', samples: DEFAULT_SAMPLES },
        (model) => wanted(model, flags, signal),
        signal,
      ),
    );
}

async function wanted(model: Model, flags: Flags, signal: AbortSignal): Promise<Pick<Recipe, 'edits'>> {
  const isBoth = flags.unused !== true && flags.duplicates !== true;
  const unused = isBoth || flags.unused === true;
  if (!isBoth && flags.duplicates !== true) return { edits: [{ type: 'clean', unused }] };
  const show = progressLine();
  const onProgress = (done: number, total: number) =>
    show?.({ fraction: done / total, message: 'comparing initializers' });
  const edit: CleanEdit = {
    type: 'clean',
    unused,
    duplicates: await findDuplicates(model, { signal, onProgress }),
  };
  return { edits: [edit] };
}
