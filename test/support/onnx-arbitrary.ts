/** Models of every shape for property tests: all kinds of attributes, types and tensors, subgraphs, odd names. */
import fc from 'fast-check';
import {
  DataType,
  denseByteLength,
  packStrings,
  type Attribute,
  type DeclaredDim,
  type Graph,
  type LocalFunction,
  type Model,
  type Node,
  type SparseTensorRef,
  type StringEntry,
  type TensorRef,
  type TypeInfo,
  type Value,
} from '../../src/onnx/index.ts';
import { model } from './model-builder.ts';

const EMPTY: Graph = {
  name: '',
  nodes: [],
  initializers: new Map(),
  sparseInitializers: [],
  inputs: [],
  outputs: [],
  valueInfo: new Map(),
};

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.constantFrom('', '/encoder/layer.0/MatMul', 'name "quoted": {a}', 'x\u0000y'),
);
/** A string that an exporter would leave out where it is empty. */
const optionalText = fc.option(
  text.filter((t) => t !== ''),
  { nil: undefined },
);
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const float32 = fc.float({ noNaN: true });
const bytes = fc.uint8Array({ maxLength: 20 });
const entries: fc.Arbitrary<readonly StringEntry[] | undefined> = fc.option(
  fc.array(fc.record({ key: text, value: text }), { minLength: 1, maxLength: 3 }),
  { nil: undefined },
);

const NUMERIC = Object.values(DataType).filter((t) => t !== DataType.undefined && t !== DataType.string);

const numericTensor = fc
  .record({
    dataType: fc.constantFrom(...NUMERIC),
    dims: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
  })
  .chain(({ dataType, dims }) => {
    const length = denseByteLength(dataType, dims) ?? 0;
    return fc
      .record({
        name: text,
        docString: optionalText,
        metadata: entries,
        bytes: fc.uint8Array({ minLength: length, maxLength: length }),
      })
      .map(({ bytes: content, ...rest }): TensorRef => ({
        ...rest,
        dataType,
        dims,
        location: { kind: 'inline', bytes: content },
      }));
  });

const stringTensor = fc
  .record({ name: text, values: fc.array(text, { maxLength: 4 }) })
  .map(({ name, values }): TensorRef => ({
    name,
    dataType: DataType.string,
    dims: [values.length],
    location: { kind: 'inline', bytes: packStrings(values) },
  }));

const tensor: fc.Arbitrary<TensorRef> = fc.oneof({ weight: 4, arbitrary: numericTensor }, stringTensor);

const sparseTensor: fc.Arbitrary<SparseTensorRef> = fc.record({
  values: numericTensor,
  indices: numericTensor,
  dims: fc.array(fc.nat(2 ** 40), { maxLength: 3 }),
});

const dim: fc.Arbitrary<DeclaredDim> = fc
  .record({
    content: fc.oneof(
      fc.nat(2 ** 48).map((size) => ({ kind: 'size', size }) as const),
      text.filter((t) => t !== '').map((symbol) => ({ kind: 'symbol', symbol }) as const),
      fc.constant({ kind: 'none' } as const),
    ),
    denotation: optionalText,
  })
  .map(({ content, denotation }) => (denotation === undefined ? content : { ...content, denotation }));

const { type } = fc.letrec<{ type: TypeInfo }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3 },
    fc.record({
      kind: fc.constantFrom('tensor', 'sparseTensor'),
      elemType: fc.nat(40),
      shape: fc.option(fc.array(dim, { maxLength: 4 }), { nil: undefined }),
    }),
    fc.constant<TypeInfo>({ kind: 'other' }),
    fc.record({
      kind: fc.constantFrom('sequence', 'optional'),
      elem: fc.option(tie('type'), { nil: undefined }),
    }),
    fc.record({
      kind: fc.constant('map'),
      keyType: fc.nat(16),
      value: fc.option(tie('type'), { nil: undefined }),
    }),
  ),
}));

const value: fc.Arbitrary<Value> = fc.record({
  name: text,
  type: fc.option(type, { nil: undefined }),
  docString: optionalText,
  metadata: entries,
});

type Content = { readonly kind: Attribute['kind']; readonly value?: unknown };

function contents(graph: fc.Arbitrary<Graph>): fc.Arbitrary<Content> {
  const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 });
  const of = (kind: Attribute['kind'], content: fc.Arbitrary<unknown>) =>
    content.map((v) => ({ kind, value: v }));
  return fc.oneof(
    of('float', float32),
    of('int', int64),
    of('string', bytes),
    of('tensor', tensor),
    of('graph', graph),
    of('sparseTensor', sparseTensor),
    of('type', type),
    of('floats', list(float32)),
    of('ints', list(int64)),
    of('strings', list(bytes)),
    of('tensors', list(tensor)),
    of('graphs', list(graph)),
    of('sparseTensors', list(sparseTensor)),
    of('types', list(type)),
    fc.record({
      kind: fc.constant('ref' as const),
      refName: text.filter((t) => t !== ''),
      attributeType: fc.nat(14),
    }),
    fc.record({ kind: fc.constant('unknown' as const), attributeType: fc.integer({ min: 15, max: 99 }) }),
  );
}

const attributes = (graph: fc.Arbitrary<Graph>): fc.Arbitrary<readonly Attribute[]> =>
  fc
    .uniqueArray(fc.record({ name: text, docString: optionalText, content: contents(graph) }), {
      selector: (a) => a.name,
      maxLength: 3,
    })
    .map((list) => list.map(({ content, ...rest }) => ({ ...rest, ...content }) as Attribute));

const nodes = (graph: fc.Arbitrary<Graph>): fc.Arbitrary<readonly Node[]> =>
  fc.array(
    fc
      .record({
        name: text,
        opType: text,
        domain: text,
        overload: optionalText,
        inputs: fc.array(text, { maxLength: 3 }),
        outputs: fc.array(text, { maxLength: 3 }),
        attributes: attributes(graph),
        docString: optionalText,
        metadata: entries,
      })
      .map((n): Node => ({ ...n, attributes: new Map(n.attributes.map((a) => [a.name, a])) })),
    { maxLength: 4 },
  );

const byName = <T extends { readonly name: string }>(item: fc.Arbitrary<T>) =>
  fc
    .uniqueArray(item, { selector: (i) => i.name, maxLength: 4 })
    .map((list): ReadonlyMap<string, T> => new Map(list.map((i) => [i.name, i])));

const { graph } = fc.letrec<{ graph: Graph }>((tie) => ({
  graph: fc.record({
    name: text,
    // half of the graphs have no subgraph, or they would never end
    nodes: fc.oneof({ maxDepth: 2 }, nodes(fc.constant(EMPTY)), nodes(tie('graph'))),
    initializers: byName(tensor),
    sparseInitializers: fc.array(sparseTensor, { maxLength: 2 }),
    inputs: fc.array(value, { maxLength: 2 }),
    outputs: fc.array(value, { maxLength: 2 }),
    valueInfo: byName(value),
    docString: optionalText,
    metadata: entries,
  }),
}));

const opsetImport = fc.record({ domain: text, version: fc.nat() });

const localFunction: fc.Arbitrary<LocalFunction> = fc.record({
  name: text,
  domain: text,
  overload: text,
  inputs: fc.array(text, { maxLength: 2 }),
  outputs: fc.array(text, { maxLength: 2 }),
  attributes: fc.array(text, { maxLength: 2 }),
  attributeDefaults: attributes(fc.constant(EMPTY)),
  // of an operator set that no function is in, so that none calls itself
  nodes: nodes(fc.constant(EMPTY)).map((list) => list.map((n) => ({ ...n, domain: 'elsewhere' }))),
  opsetImports: fc.array(opsetImport, { maxLength: 2 }),
  valueInfo: byName(value),
  docString: optionalText,
  metadata: entries,
});

/** Any model that these types can describe; it need not make sense. */
export const arbitraryModel: fc.Arbitrary<Model> = fc
  .record({
    irVersion: fc.nat(),
    producerName: text,
    producerVersion: text,
    domain: text,
    modelVersion: int64,
    docString: text,
    opsetImports: fc.array(opsetImport, { maxLength: 3 }),
    metadata: fc.array(fc.record({ key: text, value: text }), { maxLength: 3 }),
    graph,
    functions: fc.array(localFunction, { maxLength: 2 }),
  })
  .map((parts) => ({ ...model(parts.graph), ...parts }));
