/** Opens a model, infers all shapes, and ends, with the settings of the command line: `node child.cjs MODEL`. */
import { openModel } from '../../src/onnx/index.ts';
import { inferShapes } from '../../src/analysis/shapes/index.ts';
import { optimizeLate } from '../../src/cli/short-run.ts';

async function infer(file: string): Promise<void> {
  optimizeLate();
  const model = await openModel(file);
  const { main } = inferShapes(model);
  await model.source.close();
  console.log(JSON.stringify({ known: main.values.size - main.unknown.size }));
}

void infer(process.argv[2] ?? '');
