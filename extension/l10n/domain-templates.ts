/** The messages of src/ that a person reads in the editor, with `{n}` for what varies. */
import { analysisTemplates } from './templates/analysis.ts';
import { onnxTemplates } from './templates/onnx.ts';
import { pruningTemplates } from './templates/pruning.ts';
import { runtimeTemplates } from './templates/runtime.ts';
import { transformsTemplates } from './templates/transforms.ts';

export const domainTemplates: readonly string[] = [
  ...onnxTemplates,
  ...analysisTemplates,
  ...transformsTemplates,
  ...pruningTemplates,
  ...runtimeTemplates,
];
