/**
 * Tables of single nodes: what goes in, what is inferred. Types are written as text:
 *
 *     float32[n, 3, h, w]     a graph input; names are symbols
 *     int64[2]: 1 -1          a constant
 *     int64[2]                a graph input of which no content is known
 *     ''                      an input that is left out
 *
 * and in results `float32[n, y0.d1 ≤ h·w]` for a dim that only running tells, with its bound.
 */
import assert from 'node:assert/strict';
import { dimToString, isUnknown } from '../../../../src/analysis/dim.ts';
import type { InferredType, ModelInference } from '../../../../src/analysis/inference.ts';
import { inferShapes } from '../../../../src/analysis/shapes/index.ts';
import type { Dim } from '../../../../src/analysis/types.ts';
import { dataTypeName } from '../../../../src/onnx/datatype.ts';
import { DataType } from '../../../../src/onnx/index.ts';
import type { Model, TensorRef, Value } from '../../../../src/onnx/index.ts';
import { bytesOf, graph, model, node, tensor, value } from '../../../support/model-builder.ts';
import type { NodeSpec } from '../../../support/model-builder.ts';

/** `Op`, or `domain::Op`. The outcome: each output as text, or what the diagnostic says. */
export type Case = readonly [
  title: string,
  op: string,
  inputs: readonly string[],
  attributes: NodeSpec,
  outcome: readonly string[] | RegExp,
  opset?: number,
];

const elemTypes = new Map<string, number>([
  ...Object.entries(DataType),
  ['float32', DataType.float],
  ['float64', DataType.double],
]);

export function elemTypeNamed(name: string): number {
  const found = elemTypes.get(name);
  if (found === undefined) throw new Error(`no element type ${name}`);
  return found;
}

export interface Parsed {
  readonly value: Value;
  readonly constant: TensorRef | undefined;
}

/** A type as text, as a graph input or a constant called `name`. */
export function parseType(name: string, text: string): Parsed {
  const match = /^(\w+)(?:\[(.*?)\])?(?:: (.*))?$/.exec(text);
  if (match === null) throw new Error(`cannot read ${text}`);
  const [, type = '', dims, content] = match;
  const elemType = elemTypeNamed(type);
  const shape = dims === undefined ? undefined : dims === '' ? [] : dims.split(', ').map(dimSpec);
  if (content === undefined) return { value: value(name, shape, elemType), constant: undefined };
  const numbers = content === '' ? [] : content.split(' ');
  const sizes = shape?.map(Number) ?? [];
  return {
    value: value(name, sizes, elemType),
    constant: tensor(name, elemType, sizes, bytesOf(encoded(elemType, numbers))),
  };
}

function dimSpec(text: string): number | string | null {
  return text === '?' ? null : /^\d+$/.test(text) ? Number(text) : text;
}

function encoded(elemType: number, numbers: readonly string[]): ArrayBufferView {
  switch (elemType) {
    case DataType.int64:
      return BigInt64Array.from(numbers.map(BigInt));
    case DataType.int32:
      return Int32Array.from(numbers, Number);
    case DataType.bool:
    case DataType.uint8:
      return Uint8Array.from(numbers, Number);
    case DataType.float:
      return Float32Array.from(numbers, Number);
    default:
      throw new Error(`no constants of ${dataTypeName(elemType)}`);
  }
}

/** A model of one node with inputs x0, x1, … and outputs y0, y1, …. */
export function nodeModel([, op, inputs, attributes, outcome, opset]: Case): Model {
  const [domain, opType] = op.includes('::') ? op.split('::') : ['', op];
  const parsed = inputs.map((text, i) => (text === '' ? undefined : parseType(`x${i}`, text)));
  const count = outcome instanceof RegExp ? 1 : outcome.length;
  const outputs = Array.from({ length: count }, (_, i) => `y${i}`);
  return model(
    graph({
      nodes: [
        node(
          opType ?? '',
          parsed.map((p) => p?.value.name ?? ''),
          outputs,
          { ...attributes, domain: domain ?? '' },
        ),
      ],
      inputs: parsed.flatMap((p) => (p && !p.constant ? [p.value] : [])),
      initializers: parsed.flatMap((p) => (p?.constant ? [p.constant] : [])),
      outputs: outputs.map((name) => ({ name })),
    }),
    domain === '' ? { opset: opset ?? 21 } : { opset: 21, opsets: { [domain ?? '']: opset ?? 1 } },
  );
}

/** A type as the tables write it. */
export function typeText(type: InferredType | undefined, inference: ModelInference): string {
  const dim = (d: Dim): string => {
    if (isUnknown(d)) return '?';
    const name = dimToString(d);
    const bound = inference.bounds.get(name.startsWith('"') ? (JSON.parse(name) as string) : name);
    return bound === undefined ? name : `${name} ≤ ${dimToString(bound)}`;
  };
  switch (type?.kind) {
    case undefined:
      return 'nothing';
    case 'unknown':
      return `unknown: ${type.reason}`;
    case 'map':
      return 'map';
    case 'sequence':
    case 'optional': {
      const items = type.items?.map((t) => typeText(t, inference)).join(', ');
      if (items !== undefined) return `${type.kind} of ${items === '' ? 'nothing' : items}`;
      const length = type.length === undefined ? '' : `${dim(type.length)} × `;
      return `${type.kind} of ${length}${typeText(type.elem, inference)}`;
    }
    case 'tensor': {
      const shape = isUnknown(type.shape) ? '' : `[${type.shape.map(dim).join(', ')}]`;
      return `${type.elemType === 0 ? '?' : dataTypeName(type.elemType)}${shape}`;
    }
  }
}

/** The content as the tables write it, after a colon; nothing where it is not known. */
export function contentText(type: InferredType | undefined): string {
  if (type?.kind !== 'tensor' || type.content === undefined) return '';
  return `: ${type.content.map(dimToString).join(' ')}`;
}

/** One test per case. Content is compared where the table says it. */
export function describeCases(family: string, cases: readonly Case[]): void {
  describe(`shapes: ${family}`, () => {
    for (const c of cases) {
      const [title, op, , , outcome] = c;
      it(`${op}: ${title}`, () => {
        const inference = inferShapes(nodeModel(c));
        const messages = inference.diagnostics.map((d) => d.message);
        if (outcome instanceof RegExp) {
          assert.match(messages.join('; '), outcome);
          return;
        }
        assert.deepEqual(messages, []);
        const found = outcome.map((expected, i) => {
          const type = inference.main.values.get(`y${i}`);
          return typeText(type, inference) + (/(?:\]|\w): /.test(expected) ? contentText(type) : '');
        });
        assert.deepEqual(found, outcome);
      });
    }
  });
}
