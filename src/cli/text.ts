/** `vram-lens text MODEL`: the model as text, one line per node; also what `git diff` shows with `textconv`. */
import { Command } from 'commander';
import { analyze, outline } from '../analysis/index.ts';
import { estimateOptions } from './estimate.ts';
import { withModel } from './model.ts';
import { withEstimateOptions, type EstimateFlags } from './options.ts';
import { printJson } from './output.ts';

export function textCommand(signal: AbortSignal): Command {
  return withEstimateOptions(new Command('text'))
    .description('print the model as text, one line per node, with its memory')
    .argument('<model>', 'an .onnx file')
    .action((file: string, flags: EstimateFlags) =>
      withModel(file, signal, (model) => {
        const analysis = analyze(model);
        const { text, lines } = outline(analysis, analysis.estimate(estimateOptions(analysis, flags)));
        if (flags.json === true) printJson({ file, text, lines });
        else process.stdout.write(text);
      }),
    );
}
