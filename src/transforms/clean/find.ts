/** Finds equal initializers of the main graph, for the edit `clean`. */
import { createHash } from 'node:crypto';
import { tensorByteLength } from '../../onnx/datatype.ts';
import { DataType, type Model, type TensorRef } from '../../onnx/model.ts';
import { streamTensor } from '../../onnx/tensor/stream.ts';
import { Workspace } from '../graph/workspace.ts';
import { equalUnread, holdSame } from './equal.ts';
import { unusedInitializers } from './step.ts';
import { usages, whyKept } from './usage.ts';

export interface FindOptions {
  readonly signal?: AbortSignal | undefined;
  /** In bytes. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Names of equal tensors; the first is to stay. */
export type DuplicateGroup = readonly [string, ...string[]];

/**
 * Groups of initializers of one type, shape and content that can be one. Those alone are read, in a stream, whose type
 * and shape others have, too; what is known to be the same range of a file is not.
 * @throws what reading throws
 */
export async function findDuplicates(model: Model, options: FindOptions = {}): Promise<DuplicateGroup[]> {
  const { signal, onProgress } = options;
  const { candidates, isFixed } = likeOnes(model);
  const classes = candidates.map((tensors) => joinedUnread(tensors));
  const toRead = classes.map((list) => (list.length > 1 ? list : []));
  const total = toRead.flat().reduce((sum, [first]) => sum + tensorByteLength(first), 0);
  const groups: TensorRef[][] = [];
  let done = 0;
  for (const list of classes) {
    const byHash = new Map<string, TensorRef[][]>();
    for (const same of list) {
      const hash = list.length === 1 ? '' : await hashOf(model, same[0], signal);
      await addTo(byHash, hash, same, model, signal);
      if (list.length > 1) onProgress?.((done += tensorByteLength(same[0])), total);
    }
    groups.push(...[...byHash.values()].flat());
  }
  return inOrder(groups, isFixed);
}

export interface KnownDuplicates {
  readonly count: number;
  readonly bytes: number;
}

/** What is known to be equal without reading a weight: small ones, and the same range of a data file. */
export function knownDuplicates(model: Model): KnownDuplicates {
  const { candidates, isFixed } = likeOnes(model);
  const groups = inOrder(candidates.flatMap(joinedUnread), isFixed);
  const extra = groups.flatMap(([, ...others]) => others);
  const sizes = extra.map((name) => {
    const tensor = model.graph.initializers.get(name);
    return tensor === undefined ? 0 : tensorByteLength(tensor);
  });
  return { count: extra.length, bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) };
}

type Same = [TensorRef, ...TensorRef[]];

/** Lists of at least two of one type and shape, without what cannot go or stand for another. */
function likeOnes(model: Model): { candidates: TensorRef[][]; isFixed: (name: string) => boolean } {
  const ws = new Workspace(model);
  const { main } = ws;
  const used = usages(ws).get(main);
  const unused = new Set(unusedInitializers(ws).map((u) => u.tensor));
  const byForm = new Map<string, TensorRef[]>();
  for (const [name, tensor] of main.initializers) {
    const isOut = unused.has(tensor) || tensor.dataType === DataType.string;
    if (isOut || whyKept(ws, main, name) !== undefined) continue;
    const form = `${tensor.dataType} ${tensor.dims.join(' ')}`;
    const list = byForm.get(form);
    if (list === undefined) byForm.set(form, [tensor]);
    else list.push(tensor);
  }
  return {
    candidates: [...byForm.values()].filter((list) => list.length > 1),
    isFixed: (name) => used?.get(name)?.isOutput === true,
  };
}

function joinedUnread(tensors: readonly TensorRef[]): Same[] {
  const byKey = new Map<unknown, Same>();
  for (const tensor of tensors) {
    const key = unreadKey(tensor);
    const same = byKey.get(key);
    if (same === undefined) byKey.set(key, [tensor]);
    else same.push(tensor);
  }
  return [...byKey.values()];
}

/** Equal where `equalUnread` says so. */
function unreadKey(tensor: TensorRef): unknown {
  const { smallData, location } = tensor;
  if (smallData !== undefined) return `small ${Buffer.from(smallData).toString('latin1')}`;
  if (location.kind !== 'external') return tensor;
  return `external ${location.offset} ${location.length} ${location.path}`;
}

async function hashOf(model: Model, tensor: TensorRef, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  if (tensor.smallData !== undefined) return hash.update(tensor.smallData).digest('hex');
  for await (const chunk of streamTensor(model, tensor, { signal })) hash.update(chunk);
  return hash.digest('hex');
}

/** A hash is a hint: the bytes decide. */
async function addTo(
  byHash: Map<string, TensorRef[][]>,
  hash: string,
  same: Same,
  model: Model,
  signal: AbortSignal | undefined,
): Promise<void> {
  const known = byHash.get(hash) ?? [];
  byHash.set(hash, known);
  for (const group of known) {
    const [first] = group;
    const isEqual =
      first !== undefined && (equalUnread(first, same[0]) ?? (await holdSame(model, first, same[0], signal)));
    if (!isEqual) continue;
    group.push(...same);
    return;
  }
  known.push([...same]);
}

/** A graph output keeps its name: it stays, and stands for the others. */
function inOrder(
  groups: readonly (readonly TensorRef[])[],
  isFixed: (name: string) => boolean,
): DuplicateGroup[] {
  return groups.flatMap((group): DuplicateGroup[] => {
    const names = group.map((t) => t.name);
    const first = names.find(isFixed) ?? names[0];
    const others = names.filter((name) => name !== first && !isFixed(name));
    return first === undefined || others.length === 0 ? [] : [[first, ...others]];
  });
}
