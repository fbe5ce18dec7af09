/** ModelProto: the file. */
import type { FileBytes, Graph, LocalFunction, Model, OpsetImport, StringEntry } from '../model.ts';
import type { Cursor } from '../wire/cursor.ts';
import { FIELD_BYTES, len, varint, type Step } from '../wire/keys.ts';
import { keepField } from '../wire/kept.ts';
import { readEntry, readOpsetImport } from './entry.ts';
import { readFunction } from './function.ts';
import { readGraph } from './graph.ts';

/** The model but for what is known only outside the file. */
export type ParsedModel = Omit<Model, 'source' | 'warnings'>;

/** How far the parser has come: tells a broken model from a file that never was one. */
export interface Progress {
  /** Fields of a ModelProto that had the right type. */
  knownFields: number;
}

/**
 * `finish` makes the model from its parts, so that it is one object from the start, and the owner of its range.
 * @throws OnnxError kind 'not-onnx' where all is well-formed, but there is no graph
 */
export function* readModel<T extends ParsedModel>(
  c: Cursor,
  progress: Progress,
  finish: (parsed: ParsedModel) => T,
): Step<T> {
  const range = c.enter('model');
  const text = { producerName: '', producerVersion: '', domain: '', docString: '' };
  const opsetImports: OpsetImport[] = [];
  const metadata: StringEntry[] = [];
  const functions: LocalFunction[] = [];
  let irVersion = 0;
  let modelVersion = 0n;
  let graph: Graph | undefined;
  let unknownFields: FileBytes[] | undefined;
  while (c.hasField()) {
    if (c.isShort) yield FIELD_BYTES;
    const key = c.next();
    progress.knownFields++;
    switch (key) {
      case varint(1):
        irVersion = c.int;
        break;
      case len(2):
      case len(3):
      case len(4):
      case len(6):
        if (c.lacks()) yield c.length;
        text[TEXT_FIELDS[key] ?? 'docString'] = c.string();
        break;
      case varint(5):
        modelVersion = c.bigint;
        break;
      case len(7):
        if (graph !== undefined) throw c.error('unsupported', 'the file holds two graphs');
        graph = yield* readGraph(c, 'graph');
        break;
      case len(8):
        opsetImports.push(yield* readOpsetImport(c, opsetImports.length));
        break;
      case len(14):
        metadata.push(yield* readEntry(c, 'metadata_props', metadata.length));
        break;
      case len(25):
        functions.push(yield* readFunction(c, functions.length));
        break;
      default:
        progress.knownFields--;
        unknownFields = yield* keepField(c, unknownFields);
    }
  }
  if (graph === undefined) throw c.error('not-onnx', 'not an ONNX model: there is no graph in it');
  const model = finish({
    irVersion,
    ...text,
    modelVersion,
    opsetImports,
    metadata,
    graph,
    functions,
    unknownFields,
    range,
  });
  c.leave(range, model);
  return model;
}

const TEXT_FIELDS: Readonly<Record<number, 'producerName' | 'producerVersion' | 'domain' | 'docString'>> = {
  [len(2)]: 'producerName',
  [len(3)]: 'producerVersion',
  [len(4)]: 'domain',
  [len(6)]: 'docString',
};
