/**
 * The ONNX store: opens a model of any size by random access, and writes a changed one by splicing.
 *
 *     const model = await openModel('model.onnx');
 *     const weights = await readTensor(model, model.graph.initializers.get('fc.weight'));
 *     const graph = { ...model.graph, name: 'renamed', range: undefined };
 *     await saveModel({ ...model, graph, range: undefined }, 'changed.onnx');
 *     await model.source.close();
 */
export { externalChecksums, type ChecksumOptions, type ExternalChecksum } from './checksums.ts';
export * from './datatype.ts';
export { cutTo, frontier, namesRead } from './cut.ts';
export * from './errors.ts';
export { openLocalFile } from './files/local.ts';
export type { OpenSibling } from './files/external.ts';
export { memorySource } from './files/memory.ts';
export { halfToNumber, numberToHalf } from './half.ts';
export * from './model.ts';
export { openModel, type OpenOptions } from './open.ts';
export { allTensors } from './read/tensors.ts';
export { modelStream, saveModel, type SaveOptions } from './save/save.ts';
export type * from './source.ts';
export { packStrings, readStrings } from './tensor/strings.ts';
export { readTensor, streamTensor, type StreamOptions } from './tensor/stream.ts';
