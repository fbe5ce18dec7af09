/** Opens a model, infers all shapes, and ends: `node child.mjs MODEL`. */
import { openModel } from '../../src/onnx/index.ts';
import { inferShapes } from '../../src/analysis/shapes/index.ts';

const model = await openModel(process.argv[2] ?? '');
const { main } = inferShapes(model);
await model.source.close();
console.log(JSON.stringify({ known: main.values.size - main.unknown.size }));
