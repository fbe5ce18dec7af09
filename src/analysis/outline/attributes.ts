/** Attributes as a person writes them, without those that say what is so anyway. */
import { dataTypeName } from '../../onnx/datatype.ts';
import type { Attribute, Node } from '../../onnx/model.ts';

const utf8 = new TextDecoder();

/** In the order of the file, as `name=value`; a kernel as `3×3`. */
export function attributesText(node: Node): string {
  return [...node.attributes.values()]
    .map((a) => attributeText(node, a))
    .filter((text) => text !== '')
    .join(' ');
}

function attributeText(node: Node, a: Attribute): string {
  const special = specials[a.name]?.(a, node);
  if (special !== undefined) return special;
  switch (a.kind) {
    case 'int':
      return isDefaultInt(a.name, a.value) ? '' : `${a.name}=${a.value}`;
    case 'float':
      return a.value === 1 && (a.name === 'alpha' || a.name === 'beta') ? '' : `${a.name}=${short(a.value)}`;
    case 'string':
      return isDefaultText(a.name, utf8.decode(a.value)) ? '' : `${a.name}=${clipped(utf8.decode(a.value))}`;
    case 'ints':
      return `${a.name}=${listText(a.value.map(String))}`;
    case 'floats':
      return `${a.name}=${listText(a.value.map(short))}`;
    case 'strings':
      return `${a.name}=${listText(a.value.map((s) => clipped(utf8.decode(s))))}`;
    case 'tensor':
      return `${a.name}=${dataTypeName(a.value.dataType)}[${a.value.dims.join(', ')}]`;
    case 'ref':
      return `${a.name}=@${a.refName}`;
    default:
      return ''; // graphs follow on lines of their own
  }
}

type Special = (a: Attribute, node: Node) => string | undefined;

const ints = (a: Attribute): readonly bigint[] | undefined => (a.kind === 'ints' ? a.value : undefined);

/** `name=2` where all are the same, nothing where all are `usual`. */
function uniform(name: string, usual: bigint): Special {
  return (a) => {
    const values = ints(a);
    const [first] = values ?? [];
    if (values === undefined || first === undefined) return undefined;
    if (!values.every((v) => v === first)) return `${name}=${listText(values.map(String))}`;
    return first === usual ? '' : `${name}=${first}`;
  };
}

const specials: Readonly<Record<string, Special>> = {
  kernel_shape: (a) => (ints(a)?.length === 1 ? `kernel=${ints(a)?.[0]}` : ints(a)?.join('×')),
  strides: uniform('stride', 1n),
  dilations: uniform('dilation', 1n),
  pads: uniform('pad', 0n),
  output_padding: uniform('output_padding', 0n),
  to: () => '', // the output's type says it
};

const zeroByDefault: ReadonlySet<string> = new Set([
  'transA',
  'transB',
  'ceil_mode',
  'storage_order',
  'count_include_pad',
  'allowzero',
  'exclusive',
  'reverse',
  'select_last_index',
  'noop_with_empty_axes',
  'layout',
  'linear_before_reset',
  'input_forget',
  'training_mode',
]);

function isDefaultInt(name: string, value: bigint): boolean {
  return (value === 0n && zeroByDefault.has(name)) || (value === 1n && name === 'group');
}

function isDefaultText(name: string, value: string): boolean {
  return (
    value === '' ||
    (name === 'auto_pad' && value === 'NOTSET') ||
    (name === 'direction' && value === 'forward')
  );
}

function short(n: number): string {
  return String(Number(n.toPrecision(6)));
}

function clipped(text: string): string {
  return /^[\w.-]{1,32}$/.test(text)
    ? text
    : JSON.stringify(text.length > 32 ? `${text.slice(0, 31)}…` : text);
}

function listText(items: readonly string[]): string {
  return items.length > 8 ? `[${items.slice(0, 8).join(', ')}, … ${items.length}]` : `[${items.join(', ')}]`;
}
