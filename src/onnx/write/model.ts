/** ModelProto and FunctionProto made anew, and the rope of a whole file. */
import { OnnxError } from '../errors.ts';
import { MAX_MESSAGE_BYTES } from '../limits.ts';
import type { LocalFunction, Model } from '../model.ts';
import { ParsedRange } from '../pristine.ts';
import { writeEntry, writeOpsetImport } from './entry.ts';
import { writeGraph } from './graph.ts';
import { MessageWriter } from './message.ts';
import { writeAttribute, writeNode } from './node.ts';
import { Rope } from './rope.ts';
import { writeValue } from './type.ts';

/** Whether nothing at all was changed since the model was opened. */
export function isPristine(model: Model): boolean {
  return ParsedRange.of(model, model.source.file) !== undefined;
}

/** The file's bytes; the source itself where nothing was changed. */
export function modelRope(model: Model): Rope {
  const source = model.source.file;
  if (isPristine(model)) {
    const rope = new Rope();
    rope.copy({ source, offset: 0, length: source.sizeBytes });
    return rope;
  }
  const w = new MessageWriter(source);
  writeModel(w, model);
  return w.finish();
}

/** @throws OnnxError kind 'limit' where no protobuf reader would take the file */
export function refuseTooLarge(rope: Rope, file: string): void {
  if (rope.length <= MAX_MESSAGE_BYTES) return;
  const message = `the model takes ${rope.length} bytes in one file; protobuf allows 2 GiB: its weights must be external data`;
  throw new OnnxError('limit', message, { file });
}

function writeModel(w: MessageWriter, model: Model): void {
  w.encode.int(1, model.irVersion);
  w.encode.optional(2, model.producerName);
  w.encode.optional(3, model.producerVersion);
  w.encode.optional(4, model.domain);
  if (model.modelVersion !== 0n) w.encode.int(5, model.modelVersion);
  w.encode.optional(6, model.docString);
  w.message(7, model.graph, writeGraph);
  for (const opset of model.opsetImports) w.message(8, opset, writeOpsetImport);
  for (const entry of model.metadata) w.message(14, entry, writeEntry);
  for (const fn of model.functions) w.message(25, fn, writeFunction);
  w.kept(model);
}

function writeFunction(w: MessageWriter, fn: LocalFunction): void {
  w.encode.string(1, fn.name);
  for (const input of fn.inputs) w.encode.string(4, input);
  for (const output of fn.outputs) w.encode.string(5, output);
  for (const attribute of fn.attributes) w.encode.string(6, attribute);
  for (const node of fn.nodes) w.message(7, node, writeNode);
  w.encode.optional(8, fn.docString);
  for (const opset of fn.opsetImports) w.message(9, opset, writeOpsetImport);
  w.encode.optional(10, fn.domain);
  for (const attribute of fn.attributeDefaults) w.message(11, attribute, writeAttribute);
  for (const value of fn.valueInfo.values()) w.message(12, value, writeValue);
  w.encode.optional(13, fn.overload);
  for (const entry of fn.metadata ?? []) w.message(14, entry, writeEntry);
  w.kept(fn);
}
