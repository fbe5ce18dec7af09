/**
 * Inferred output types and shapes against those that ONNX's backend tests store:
 *
 *     npm run conformance -- FOLDER [--list]
 *
 * FOLDER holds test folders (`onnx/backend/test/data` of an `onnx` package, or a part of it). Each test is inferred
 * twice: as it is, where shapes may depend on values that only running tells, and with its inputs as initializers.
 */
import { isExpr } from '../../src/analysis/dim.ts';
import { familyOf, inferShapes } from '../../src/analysis/shapes/index.ts';
import type { Model } from '../../src/onnx/index.ts';
import { Comparison, verdicts, worst } from './compare.ts';
import type { Verdict } from './compare.ts';
import { findTests, readTest, undeclared, withInputsFixed } from './node-test.ts';
import type { NodeTest } from './node-test.ts';

interface Row {
  readonly asIs: Record<Verdict, number>;
  readonly fixed: Record<Verdict, number>;
}

const noVerdicts = (): Record<Verdict, number> => ({
  equal: 0,
  bounded: 0,
  symbolic: 0,
  partial: 0,
  wrong: 0,
});

function verdictOf(test: NodeTest, model: Model): Verdict {
  const inference = inferShapes(model);
  const sizes: Record<string, number> = {};
  for (const v of model.graph.inputs) {
    const type = inference.main.values.get(v.name);
    const actual = test.inputs.get(v.name)?.actual;
    if (type?.kind !== 'tensor' || actual?.kind !== 'tensor' || !Array.isArray(type.shape)) continue;
    for (const [i, d] of type.shape.entries()) if (isExpr(d)) sizes[d.key] ??= actual.dims[i] ?? NaN;
  }
  const at = Object.fromEntries(
    inference.symbols
      .filter((s) => !s.isDerived)
      .map((s) => [s.name, sizes[s.name] ?? sizes[JSON.stringify(s.name)] ?? s.defaultValue]),
  );
  const again = inference.assumptions.length > 0 ? inferShapes(model, { at }) : inference;
  const comparison = new Comparison(again, at);
  return worst(
    model.graph.outputs.map((v, i) => {
      const actual = test.outputs[i];
      return actual === undefined ? 'equal' : comparison.compare(again.main.values.get(v.name), actual);
    }),
  );
}

function family(test: NodeTest): string {
  const { nodes } = test.model.graph;
  if (/_expanded/.test(test.name)) return 'functions expanded to nodes';
  const [only] = nodes;
  if (nodes.length === 1 && only) return familyOf(only.domain, only.opType) ?? 'no rule';
  return 'graphs of several nodes';
}

/** Operators whose shapes no inference can tell, and why; what else falls short is listed without a reason. */
const reasons: Readonly<Record<string, string>> = {
  ImageDecoder: 'height and width are in the encoded file',
  NonMaxSuppression: 'which boxes are kept depends on their scores; bounded by boxes and classes',
  StringNormalizer: 'depends on which words are stop words; bounded by the number of words',
  StringSplit: 'depends on how many delimiters the strings hold; bounded where `maxsplit` is given',
  Unique: 'depends on how many elements repeat; bounded by their number',
  SequenceMap: 'the input is a sequence: how many elements it has, and of which sizes, is not declared',
  SequenceInsert: 'the input is a sequence whose elements are declared without a rank',
  Identity: 'the input is a sequence or an optional of which the length or the rank is not declared',
  OptionalGetElement: 'the optional holds a sequence of undeclared length',
  Loop: 'what it reads or carries is a sequence given as input, of undeclared length or rank',
};

interface Short {
  readonly operator: string;
  readonly verdict: Verdict;
  readonly names: string[];
}

const [root, ...flags] = process.argv.slice(2);
if (root === undefined) throw new Error('usage: npm run conformance -- FOLDER [--list]');
const rows = new Map<string, Row>();
const short = new Map<string, Short>();
let unreadable = 0;
for (const files of await findTests(root)) {
  const test = await readTest(files).catch((e: unknown) => {
    console.error(`${files.model}: ${e instanceof Error ? e.message : String(e)}`);
    unreadable++;
    return undefined;
  });
  if (test === undefined) continue;
  const model = undeclared(test.model);
  const [asIs, fixed] = [verdictOf(test, model), verdictOf(test, withInputsFixed(model, test))];
  const row = rows.get(family(test)) ?? { asIs: noVerdicts(), fixed: noVerdicts() };
  row.asIs[asIs]++;
  row.fixed[fixed]++;
  rows.set(family(test), row);
  const verdict = asIs === 'wrong' ? asIs : fixed;
  if (verdict !== 'equal') noteShort(test, verdict);
}

function noteShort(test: NodeTest, verdict: Verdict): void {
  const operators = test.model.graph.nodes.map((n) => n.opType);
  const operator = operators.find((op) => op in reasons) ?? operators[0] ?? 'no node';
  const entry = short.get(`${operator} ${verdict}`) ?? { operator, verdict, names: [] };
  entry.names.push(test.name);
  short.set(`${operator} ${verdict}`, entry);
}

const cells = (r: Record<Verdict, number>) => verdicts.map((v) => r[v]);
const total: Row = { asIs: noVerdicts(), fixed: noVerdicts() };
for (const row of rows.values())
  for (const part of ['asIs', 'fixed'] as const) for (const v of verdicts) total[part][v] += row[part][v];
const headings = [...verdicts, ...verdicts.map((v, i) => (i === 0 ? `inputs fixed: ${v}` : v))];
console.log(`| family | ${headings.join(' | ')} |`);
console.log(`| --- | ${headings.map(() => '--:').join(' | ')} |`);
for (const [name, row] of [...rows].sort(([a], [b]) => (a < b ? -1 : 1)))
  console.log(`| ${[name, ...cells(row.asIs), ...cells(row.fixed)].join(' | ')} |`);
console.log(`| **all** | ${[...cells(total.asIs), ...cells(total.fixed)].join(' | ')} |`);
console.log('\n| operator | tests | verdict | reason |\n| --- | --: | --- | --- |');
for (const s of [...short.values()].sort((a, b) => (a.operator < b.operator ? -1 : 1)))
  console.log(
    `| ${s.operator} | ${s.names.length} | ${s.verdict} | ${reasons[s.operator] ?? 'none known'} |`,
  );
if (flags.includes('--list'))
  for (const s of short.values()) console.log(`${s.operator} (${s.verdict}): ${s.names.join(' ')}`);
if (unreadable > 0) console.error(`${unreadable} tests could not be read`);
process.exitCode = total.asIs.wrong + total.fixed.wrong + unreadable === 0 ? 0 : 1;
