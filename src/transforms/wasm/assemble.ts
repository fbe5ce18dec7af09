/**
 * Makes WebAssembly modules from a small part of its text format, so that vector kernels need no tool to build them:
 *
 *     assemble('(func $double (param $x i32) (result i32) (i32.add $x $x))')
 *
 * Beyond the standard, an operand `$x` reads the local x and an operand `16` is an i32 constant. One memory is
 * exported as `memory`, or imported as `env.memory`, every function is exported under its name. Binary format:
 * https://webassembly.github.io/spec/core/binary/
 */
import { IMMEDIATES, OPCODES } from './opcodes.ts';

type Form = string | readonly Form[];

const VALUE_TYPES: Readonly<Record<string, number>> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };
const DECLARATIONS: ReadonlySet<Form | undefined> = new Set(['param', 'local', 'result']);
const NO_RESULT = 0x40;
const MEMORY_PAGES = 1;

/**
 * @param memory one of its own, or the most pages of one that threads share, which is imported
 * @throws SyntaxError naming what it does not know
 */
export function assemble(text: string, memory: 'own' | number = 'own'): Uint8Array<ArrayBuffer> {
  const forms = parse(text);
  const indices = new Map(forms.map((form, i) => [atom(list(form)[1]), i]));
  const functions = forms.map((form) => readFunction(form, indices));
  const types = functions.map((f) => [0x60, ...vector(f.params.map(([, t]) => [t])), ...vector(f.results)]);
  const exports = [
    [...name('memory'), 0x02, 0],
    ...functions.map((f, i) => [...name(f.name), 0x00, ...unsigned(i)]),
  ];
  const bodies = functions.map((f) => f.code);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...(memory === 'own'
      ? []
      : section(2, vector([[...name('env'), ...name('memory'), 0x02, ...shared(memory)]]))),
    ...section(3, vector(functions.map((_, i) => unsigned(i)))),
    ...(memory === 'own' ? section(5, vector([[0x00, MEMORY_PAGES]])) : []),
    ...section(7, vector(exports)),
    ...section(10, vector(bodies.map((code) => [...unsigned(code.length), ...code]))),
  ]);
}

/** Limits of a memory that threads share. */
function shared(mostPages: number): number[] {
  return [0x03, MEMORY_PAGES, ...unsigned(mostPages)];
}

interface Function {
  readonly name: string;
  readonly params: readonly (readonly [string, number])[];
  readonly results: readonly number[][];
  /** Locals, instructions and the closing end. */
  readonly code: readonly number[];
}

function readFunction(form: Form, functions: ReadonlyMap<string, number>): Function {
  const [keyword, id, ...rest] = list(form);
  if (keyword !== 'func') throw new SyntaxError(`expected func, got ${String(keyword)}`);
  const headOf = (f: Form) => (typeof f === 'string' ? f : f[0]);
  const part = (kind: string) => rest.filter((f) => headOf(f) === kind).map(list);
  const declared = (kind: string) =>
    part(kind).map(([, local, type]) => [atom(local), valueType(type)] as const);
  const [params, locals] = [declared('param'), declared('local')];
  const results = part('result').map(([, type]) => [valueType(type)]);
  const body = rest.filter((f) => !DECLARATIONS.has(headOf(f)));
  const names = new Map([...params, ...locals].map(([local], i) => [local, i]));
  const code = vector(locals.map(([, type]) => [1, type]));
  for (const f of body) encode(f, { names, functions, labels: [] }, code);
  code.push(0x0b);
  return { name: atom(id).slice(1), params, results, code };
}

interface Scope {
  readonly names: ReadonlyMap<string, number>;
  readonly functions: ReadonlyMap<string, number>;
  /** Innermost last. */
  readonly labels: readonly string[];
}

/** Adds the instructions to `code`: each thread assembles its modules while its first chunk waits. */
function encode(form: Form, scope: Scope, code: number[]): void {
  if (typeof form === 'string') {
    code.push(...(form.startsWith('$') ? [0x20, ...local(form, scope)] : [0x41, ...signed(Number(form))]));
    return;
  }
  const [head, ...rest] = form;
  const op = atom(head);
  if (op === 'loop' || op === 'if') {
    const [first = '', ...body] = rest;
    if (op === 'if') encode(first, scope, code);
    const inner = { ...scope, labels: [...scope.labels, op === 'if' ? '' : atom(first)] };
    code.push(op === 'if' ? 0x04 : 0x03, NO_RESULT);
    for (const f of body) encode(f, inner, code);
    code.push(0x0b);
    return;
  }
  const opcode = OPCODES[op];
  if (opcode === undefined) throw new SyntaxError(`no instruction ${op}`);
  const kinds = IMMEDIATES[op] ?? [];
  for (let i = kinds.length; i < rest.length; i++) encode(rest[i] as Form, scope, code);
  code.push(...opcode);
  for (const [i, kind] of kinds.entries()) code.push(...immediate(kind, atom(rest[i]), scope));
}

function immediate(kind: string, text: string, scope: Scope): number[] {
  switch (kind) {
    case 'local':
      return local(text, scope);
    case 'function':
      return index(text, scope.functions);
    case 'label':
      return unsigned(scope.labels.length - 1 - scope.labels.lastIndexOf(text));
    case 'f32':
      return [...new Uint8Array(Float32Array.of(Number(text)).buffer)];
    case 'offset':
      // alignment 2^0: a hint only
      return [0, ...unsigned(Number(text))];
    default:
      return unsigned(Number(text));
  }
}

function local(text: string, { names }: Scope): number[] {
  return index(text, names);
}

function index(text: string, names: ReadonlyMap<string, number>): number[] {
  const found = names.get(text);
  if (found === undefined) throw new SyntaxError(`nothing is called ${text}`);
  return unsigned(found);
}

function parse(text: string): Form[] {
  const tokens = text.replace(/;;.*$/gm, '').match(/[()]|[^\s()]+/g) ?? [];
  let at = 0;
  const next = (): Form => {
    const token = tokens[at++];
    if (token === undefined || token === ')') throw new SyntaxError('a parenthesis too many or too few');
    if (token !== '(') return token;
    const items: Form[] = [];
    while (tokens[at] !== ')') items.push(next());
    at++;
    return items;
  };
  const forms: Form[] = [];
  while (at < tokens.length) forms.push(next());
  return forms;
}

function list(form: Form): readonly Form[] {
  if (typeof form === 'string') throw new SyntaxError(`expected a list, got ${form}`);
  return form;
}

function atom(form: Form | undefined): string {
  if (typeof form !== 'string') throw new SyntaxError(`expected a word, got ${JSON.stringify(form)}`);
  return form;
}

function valueType(form: Form | undefined): number {
  const type = VALUE_TYPES[atom(form)];
  if (type === undefined) throw new SyntaxError(`no type ${atom(form)}`);
  return type;
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function name(text: string): number[] {
  const bytes = [...new TextEncoder().encode(text)];
  return [...unsigned(bytes.length), ...bytes];
}

function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  const low = value & 127;
  const rest = value >> 7;
  const isLast = (rest === 0 && (low & 64) === 0) || (rest === -1 && (low & 64) !== 0);
  return isLast ? [low] : [low | 128, ...signed(rest)];
}
