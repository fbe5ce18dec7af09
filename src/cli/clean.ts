/** `vram-lens clean IN -o OUT`: takes out unused initializers, makes one of equal ones, and float32 of float64; writes out functions. */
import { Command } from 'commander';
import type { Model } from '../onnx/index.ts';
import { findDuplicates, type CleanEdit, type Recipe } from '../transforms/index.ts';
import { progressLine } from './terminal.ts';
import { DEFAULT_SAMPLES, transformFile } from './transform.ts';

interface Flags {
  readonly output: string;
  readonly unused?: boolean;
  readonly duplicates?: boolean;
  readonly narrow?: boolean;
  readonly inline?: boolean;
  readonly writeRecipe?: string;
  readonly json?: boolean;
}

export function cleanCommand(signal: AbortSignal): Command {
  return new Command('clean')
    .description('remove initializers that nothing uses, and merge equal ones: both, unless options say what')
    .argument('<model>', 'an .onnx file; it is not changed')
    .requiredOption('-o, --output <file>', 'where to write the new model')
    .option('--unused', 'remove those that nothing uses')
    .option('--duplicates', 'merge those of equal type, shape and bytes (reads the weights that are alike)')
    .option(
      '--narrow',
      'make float32 of float64, weights and what is computed; inputs and outputs of the model keep their types',
    )
    .option('--inline', 'write out local functions: nodes that call one become the nodes of its body')
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
  const { unused = false, duplicates = false, narrow = false, inline = false } = flags;
  const isUsual = !unused && !duplicates && !narrow && !inline;
  const edit: CleanEdit = {
    type: 'clean',
    unused: isUsual || unused,
    ...(isUsual || duplicates ? { duplicates: await duplicatesOf(model, signal) } : {}),
    ...(narrow ? { narrow } : {}),
    ...(inline ? { inline } : {}),
  };
  return { edits: [edit] };
}

function duplicatesOf(model: Model, signal: AbortSignal): Promise<CleanEdit['duplicates']> {
  const show = progressLine();
  const onProgress = (done: number, total: number) =>
    show?.({ fraction: done / total, message: 'comparing initializers' });
  return findDuplicates(model, { signal, onProgress });
}
