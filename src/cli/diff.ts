/** `vram-lens diff A B`: what differs between two models, as a unified diff of their text with memory in it. */
import { Command } from 'commander';
import { createTwoFilesPatch } from 'diff';
import { analyze, outline } from '../analysis/index.ts';
import type { Analysis } from '../analysis/types.ts';
import { refuseUnknownDims, withModel } from './model.ts';
import { withEstimateOptions, type EstimateFlags } from './options.ts';
import { print, printJson } from './output.ts';
import { colour } from './terminal.ts';

export function diffCommand(signal: AbortSignal): Command {
  return withEstimateOptions(new Command('diff'))
    .description('compare two models: a unified diff of their text, memory included')
    .argument('<a>', 'the original .onnx file')
    .argument('<b>', 'the changed .onnx file')
    .action(async (a: string, b: string, flags: EstimateFlags) => {
      const [first, second] = [await analysisOf(a, signal), await analysisOf(b, signal)];
      // a dim that only one of the two has is right
      refuseUnknownDims(flags.dim, [first, second]);
      const [textA, textB] = [textOf(first, flags), textOf(second, flags)];
      const isEqual = textA === textB;
      const patch = createTwoFilesPatch(a, b, textA, textB, undefined, undefined, { context: 2 })
        // a rule above the file names, which `patch` and git do without
        .replace(/^=+\n/, '');
      if (flags.json === true) printJson({ a, b, equal: isEqual, patch });
      else if (isEqual) print(['no difference in the graphs or their memory']);
      else print(patch.trimEnd().split('\n').map(painted));
    });
}

function analysisOf(file: string, signal: AbortSignal): Promise<Analysis> {
  return withModel(file, signal, (model) => analyze(model));
}

function textOf(analysis: Analysis, flags: EstimateFlags): string {
  const estimate = analysis.estimate({ dims: flags.dim, ep: flags.ep, optimization: flags.opt });
  // the name of the file is no difference of the model
  return outline(analysis, estimate).text.replace(`# ${analysis.model.source.file.name} · `, '# ');
}

function painted(line: string): string {
  if (line.startsWith('+')) return colour.green(line);
  if (line.startsWith('-')) return colour.red(line);
  return line.startsWith('@@') ? colour.cyan(line) : line;
}
