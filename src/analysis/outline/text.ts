/** The parts of a line of text: names, calls, types, memory, and the columns they stand in. */
import { dataTypeName } from '../../onnx/datatype.ts';
import { DataType } from '../../onnx/model.ts';
import { formatBytes } from '../../format.ts';
import { dimToString, isUnknown } from '../dim.ts';
import type { ExecutedNode } from '../memory/program.ts';
import type { Value } from '../memory/values.ts';
import type { Dim } from '../types.ts';
import { attributesText } from './attributes.ts';

/**
 * Where the memory, the type and the operator begin. Fixed, so that a long name moves its own line only; memory comes
 * first, so that it is seen in half a window, too.
 */
export const columns = [40, 64, 96] as const;

/** What runs past its column moves the next one to the next multiple of 4, at least two spaces on. */
export function atColumns(...parts: readonly string[]): string {
  let line = '';
  parts.forEach((part, i) => {
    const column = i === 0 ? 0 : (columns[i - 1] ?? 0);
    const least = line.trimEnd().length === 0 ? 0 : line.trimEnd().length + 2;
    const at = i === 0 || least <= column ? column : Math.ceil(least / 4) * 4;
    line = part === '' ? line : line.trimEnd().padEnd(at) + part;
  });
  return line;
}

/** Weights and output, right-aligned; nothing where there are none, `?` where the size is not known. */
export function memoryText(weights: number | undefined, output: number | undefined): string {
  const left = weights === undefined || weights === 0 ? '' : formatBytes(weights);
  return left.padStart(10) + (output === undefined ? '?' : formatBytes(output)).padStart(12);
}

/** As it is where a reader cannot mistake its end, else as a JSON string. */
export function quoted(name: string): string {
  return /^[^\s"',()[\]{}#=→↑]+$/u.test(name) ? name : JSON.stringify(name);
}

/** The size of a dim at the chosen dims, NaN where it has none. */
export type SizeOf = (d: Dim) => number;

/** `float32 [batch, 32, 28, 28]`, one per output. */
export function typeText(values: readonly (Value | undefined)[], sizeOf: SizeOf): string {
  return values.flatMap((v) => (v === undefined ? [] : [oneType(v, sizeOf)])).join(', ');
}

function oneType({ type }: Value, sizeOf: SizeOf): string {
  if (type.kind === 'unknown') return '?';
  if (type.kind !== 'tensor') return type.kind;
  const elem = type.elemType === 0 ? '?' : dataTypeName(type.elemType);
  const { shape } = type;
  return isUnknown(shape) ? `${elem} [?…]` : `${elem} [${shape.map((d) => dimText(d, sizeOf)).join(', ')}]`;
}

/** Formulas as long as these are read; longer ones stand as the size they have. */
const longestFormula = 12;

function dimText(d: Dim, sizeOf: SizeOf): string {
  const text = dimToString(d);
  if (text.length <= longestFormula) return text;
  const size = sizeOf(d);
  return Number.isNaN(size) ? '?' : String(size);
}

/** `Conv(↑, f.0.weight, f.0.bias) 3×3 pad=1 → y`: outputs are named where their names do not follow from the node's. */
export function callText(n: ExecutedNode, above: ExecutedNode | undefined, prefix: string): string {
  const inputs = n.inputs.map((v, i) =>
    v === undefined
      ? n.node.inputs[i] === ''
        ? '_'
        : quoted(n.node.inputs[i] ?? '')
      : argument(v, above, prefix),
  );
  const domain = n.node.domain === '' ? '' : `${n.node.domain}.`;
  const call = `${domain}${n.node.opType}(${inputs.join(', ')})`;
  const named = n.outputs.flatMap((v) => (v === undefined || followsFrom(v, prefix) ? [] : [quoted(v.name)]));
  return [call, attributesText(n.node), named.length === 0 ? '' : `→ ${named.join(', ')}`]
    .filter((p) => p !== '')
    .join(' ');
}

function argument(v: Value, above: ExecutedNode | undefined, prefix: string): string {
  if (above !== undefined && v.producer === above && above.outputs[0] === v) return '↑';
  return valueText(v, prefix);
}

/** Small constants by what they hold, others by name; what a node makes by the node's name where that tells. */
export function valueText(v: Value, prefix: string): string {
  const content = v.kind === 'constant' ? constantText(v) : undefined;
  if (content !== undefined) return content;
  return quoted(
    v.producer !== undefined && followsFrom(v, prefix) ? v.producer.id.slice(prefix.length) : v.name,
  );
}

/** Exporters name the first output after its node. */
function followsFrom({ name, producer }: Value, prefix: string): boolean {
  if (producer?.id.startsWith(prefix) !== true) return false;
  const own = producer.id.slice(prefix.length);
  return name === `${own}_output_0` || name === own;
}

const maxShown = 8;

/** `[0, -1, 64]` of up to eight integers, `0.125` of a scalar. */
function constantText({ type, constant }: Value): string | undefined {
  if (type.kind !== 'tensor' || constant === undefined || constant.isDefault) return undefined;
  const count = constant.dims.reduce((n, d) => n * d, 1);
  const isScalar = constant.dims.length === 0;
  if (constant.dims.length > 1 || count > maxShown || (!isScalar && type.elemType !== DataType.int64))
    return undefined;
  const { content } = type;
  const numbers = content?.map((d) => (typeof d === 'number' ? numberText(d, type.elemType) : '?'));
  if (numbers === undefined || numbers.includes('?')) return undefined;
  return isScalar ? numbers[0] : `[${numbers.join(', ')}]`;
}

function numberText(n: number, elemType: number): string {
  if (elemType === DataType.bool) return n === 0 ? 'false' : 'true';
  if (n >= Number.MAX_SAFE_INTEGER) return 'max';
  if (n <= Number.MIN_SAFE_INTEGER) return 'min';
  return Number.isInteger(n) ? String(n) : String(Number(n.toPrecision(6)));
}
