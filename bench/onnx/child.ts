/**
 * One measurement in a process of its own: `node child.mjs TOOL ACTION FILE [OUTPUT]` prints
 * `{ "ms": …, "peakBytes": … }`. The time is that of the action; starting Node and loading code is not in it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { openModel, saveModel } from '../../src/onnx/index.ts';
import { onnxType } from '../../test/support/onnx-schema.ts';
import { withOneTensorChanged } from './models.ts';

const [, , tool, action, file = '', output = ''] = process.argv;

const ACTIONS: Readonly<Record<string, () => Promise<void>>> = {
  'ours open': async () => {
    await openModel(file);
  },
  'protobufjs open': async () => {
    onnxType('ModelProto').decode(await readFile(file));
  },
  'ours save': async () => {
    await saveModel(withOneTensorChanged(await openModel(file)), output);
  },
  'protobufjs save': async () => {
    const type = onnxType('ModelProto');
    const model = type.decode(await readFile(file)) as unknown as {
      graph: { initializer: { raw_data: Uint8Array }[] };
    };
    const tensor = model.graph.initializer[3];
    if (tensor !== undefined) tensor.raw_data = new Uint8Array(tensor.raw_data.length).fill(1);
    await writeFile(output, type.encode(model).finish(), { flush: true });
  },
};

const start = performance.now();
await ACTIONS[`${tool ?? ''} ${action ?? ''}`]?.();
const ms = performance.now() - start;
process.stdout.write(JSON.stringify({ ms, peakBytes: process.resourceUsage().maxRSS * 1024 }));
process.exit();
