/** Columns of numbers as inputs, and columns of classes as labels. */
import path from 'node:path';
import { RunnerError } from '../failure.ts';
import type { InputPlan, PlannedInput } from '../inputs.ts';
import { elementKind, isElementType } from './dtype.ts';
import { classNumbers } from './image/labels.ts';
import { openRows, type Row, type Table } from './rows.ts';
import { mapInputs, type SampleSet } from './samples.ts';
import type { HostTensor, Target } from './source.ts';
import type { TableSpec } from './spec.ts';

const labelNames = ['label', 'labels', 'class', 'target'];
/** Of names that stand for classes; more is no class. */
const maxClassNames = 100_000;

/** The class of a row, or undefined where there is no such column. Names are numbered in alphabetical order. */
export async function classOf(
  table: Table,
  given: string | undefined,
  file: string,
): Promise<((row: Row) => Target) | undefined> {
  const column = given ?? table.columns.find((c) => labelNames.includes(c.toLowerCase()));
  if (column === undefined) return undefined;
  if (!table.columns.includes(column)) {
    throw new RunnerError('data', `${path.basename(file)} has no column "${column}".`);
  }
  const toClass = (row: Row): string => {
    const value = row[column];
    return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string'
      ? String(value)
      : '';
  };
  if (/^\d+$/.test(toClass(table.first ?? {}))) {
    return (row) => ({ kind: 'class', value: Number(toClass(row)) });
  }
  const names = new Set<string>();
  for await (const row of table.rows()) {
    names.add(toClass(row));
    if (names.size > maxClassNames) {
      throw new RunnerError('data', `Column "${column}" has more than ${maxClassNames} classes.`);
    }
  }
  const numbers = classNumbers(names);
  return (row) => ({ kind: 'class', value: numbers.get(toClass(row)) ?? -1 });
}

export async function tableSamples(spec: TableSpec, plan: InputPlan): Promise<SampleSet> {
  const table = await openRows(spec.path);
  const name = path.basename(spec.path);
  const classes = await classOf(table, spec.labelColumn, spec.path);
  const label = spec.labelColumn ?? table.columns.find((c) => labelNames.includes(c.toLowerCase()));
  const columns = table.columns.filter((c) => c !== label && toTensor(table.first?.[c]) !== undefined);
  const only = plan.inputs.length === 1 ? plan.inputs[0] : undefined;
  // one input of as many elements as there are columns takes them all, in their order
  const isJoined = only !== undefined && !columns.includes(only.name) && spec.inputs === undefined;
  const fields = isJoined ? ['columns'] : columns;
  const fieldOf = mapInputs(plan, fields, spec.inputs, (input) =>
    isJoined ? 'columns' : columns.find((c) => c.toLowerCase() === input.name.toLowerCase()),
  );
  const isIntegerInput = ({ type }: PlannedInput) => isElementType(type) && elementKind(type) === 'int';
  const integers = new Set(plan.inputs.filter(isIntegerInput).map((i) => fieldOf.get(i.name)));
  return {
    description: `${name}, ${table.count} rows`,
    count: table.count,
    hasLabels: classes !== undefined,
    warnings: [],
    fieldOf,
    samples: async function* () {
      let number = 0;
      for await (const row of table.rows()) {
        const where = `${name}, row ${++number}`;
        const tensors = columns.map(
          (c) => [c, tensorOf(row[c], c, { where, isInteger: integers.has(c) })] as const,
        );
        yield {
          fields: isJoined ? { columns: joined(tensors.map(([, t]) => t)) } : Object.fromEntries(tensors),
          target: classes?.(row),
          where,
        };
      }
    },
  };
}

function tensorOf(
  value: unknown,
  column: string,
  { where, isInteger }: { readonly where: string; readonly isInteger: boolean },
): HostTensor {
  const tensor = toTensor(value, isInteger);
  if (tensor === undefined) throw new RunnerError('data', `${where}: column "${column}" holds no number.`);
  return tensor;
}

/** A number, or numbers nested as deep as the tensor has dims; undefined for anything else. As float64, or int64 where `isInteger`. */
function toTensor(value: unknown, isInteger = false): HostTensor | undefined {
  const numbers: number[] = [];
  const dims = collect(value, numbers);
  if (dims === undefined) return undefined;
  if (isInteger && numbers.every((n) => Number.isInteger(n))) {
    return { type: 'int64', dims, data: BigInt64Array.from(numbers, BigInt) };
  }
  return { type: 'float64', dims, data: Float64Array.from(numbers) };
}

/** The dims of `value`, with its numbers appended to `into`. */
function collect(value: unknown, into: number[]): number[] | undefined {
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const parts = Array.from(value as ArrayLike<unknown>, (v) => collect(v, into));
    const [first] = parts;
    const isRegular = parts.every((p) => p !== undefined && String(p) === String(first));
    return isRegular ? [parts.length, ...(first ?? [])] : undefined;
  }
  const isNumeric =
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    (typeof value === 'string' && value.trim() !== '');
  const number = isNumeric ? Number(value) : Number.NaN;
  if (Number.isNaN(number)) return undefined;
  into.push(number);
  return [];
}

function joined(tensors: readonly HostTensor[]): HostTensor {
  const numbers = tensors.flatMap((t) => Array.from(t.data, Number));
  return { type: 'float64', dims: [numbers.length], data: Float64Array.from(numbers) };
}
