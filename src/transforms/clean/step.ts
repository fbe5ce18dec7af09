/** The edit `clean`, done before all others to the model as it is in the file. No weight is read. */
import { tensorByteLength } from '../../onnx/datatype.ts';
import { DataType, type Model, type TensorRef } from '../../onnx/model.ts';
import { buildModel } from '../graph/build.ts';
import { Workspace, type Entry, type Scope } from '../graph/workspace.ts';
import type { CleanEdit, LayerChange, Recipe, TensorChange } from '../recipe/recipe.ts';
import { agreed, equalUnread, isAlike } from './equal.ts';
import { inlineFunctions } from './inline.ts';
import { narrow } from './narrow.ts';
import { homeOf, usages, whyKept, type Usage } from './usage.ts';

export interface Cleaned {
  /** The very model given where nothing goes. Its nodes have the ids that they had, but for those of functions. */
  readonly model: Model;
  readonly tensors: readonly TensorChange[];
  /** Nodes that called functions, where these were to be written out. */
  readonly calls: readonly LayerChange[];
}

export function cleanModel(original: Model, recipe: Recipe): Cleaned {
  if (recipe.edits.every((edit) => edit.type !== 'clean')) return { model: original, tensors: [], calls: [] };
  const { model, calls } = writeOut(original, recipe);
  const ws = new Workspace(model);
  const tensors = recipe.edits.flatMap((edit, index) =>
    edit.type === 'clean' ? cleanOnce(ws, edit, index) : [],
  );
  const isSame = tensors.every((t) => t.status === 'blocked');
  const tidy = isSame ? model : buildModel(ws, model.metadata).model;
  const first = recipe.edits.findIndex((edit) => edit.type === 'clean' && edit.narrow === true);
  if (first < 0) return { model: tidy, tensors, calls };
  const narrowed = narrow(tidy, first);
  return { model: narrowed.model, tensors: [...tensors, ...narrowed.tensors], calls };
}

/** What edits of layers start from: the very model given, or with its local functions written out where the recipe says so. */
export function writtenOut(model: Model, recipe: Recipe): Model {
  return writeOut(model, recipe).model;
}

function writeOut(model: Model, { edits }: Recipe): Pick<Cleaned, 'model' | 'calls'> {
  const edit = edits.findIndex((e) => e.type === 'clean' && e.inline === true);
  if (edit < 0) return { model, calls: [] };
  const { model: written, calls, reason } = inlineFunctions(model);
  const status = reason === undefined ? 'applied' : 'blocked';
  const changes = [...calls].map(([node, nodesAfter]): LayerChange => ({
    ...{ node, edit, status, reason, nodesAfter, beforeBytes: 0, afterBytes: 0 },
  }));
  return { model: written, calls: changes };
}

function cleanOnce(ws: Workspace, edit: CleanEdit, index: number): TensorChange[] {
  const { duplicates } = edit;
  return [
    ...(duplicates === undefined ? [] : [...dropHidden(ws, index), ...merge(ws, duplicates, index)]),
    ...(edit.unused ? dropUnused(ws, index) : []),
  ];
}

function dropHidden(ws: Workspace, edit: number): TensorChange[] {
  return ws.scopes.flatMap((scope) => {
    const { hidden } = scope;
    scope.hidden = [];
    return hidden.map((tensor) => gone(tensor, edit, tensor.name));
  });
}

function dropUnused(ws: Workspace, edit: number): TensorChange[] {
  return unusedInitializers(ws).map(({ scope, tensor }) => {
    const reason = whyKept(ws, scope, tensor.name);
    if (reason !== undefined) return kept(tensor, tensor.name, edit, reason);
    drop(scope, tensor.name);
    return gone(tensor, edit);
  });
}

interface Unused {
  readonly scope: Scope;
  readonly tensor: TensorRef;
}

/** Without those that are graph inputs, too: they are what the caller may leave out. */
export function unusedInitializers(ws: Workspace): Unused[] {
  const used = usages(ws);
  return ws.scopes.flatMap((scope) =>
    [...scope.initializers].flatMap(([name, tensor]) => {
      const usage = used.get(scope)?.get(name);
      const isUsed = usage !== undefined && (usage.isOutput || usage.entries.size > 0);
      const isInput = scope.inputs.has(name) && (scope !== ws.main || ws.model.irVersion >= 4);
      return isUsed || isInput ? [] : [{ scope, tensor }];
    }),
  );
}

function merge(ws: Workspace, groups: readonly (readonly string[])[], edit: number): TensorChange[] {
  const used = usages(ws).get(ws.main) ?? new Map<string, Usage>();
  return groups.flatMap(([keep = '', ...others]) => {
    const merged: TensorRef[] = [];
    const changes = others.map((name) => {
      const usage = used.get(name);
      const tensor = ws.main.initializers.get(name);
      const reason = whyApart(ws, keep, name, usage);
      if (reason !== undefined || tensor === undefined) return kept(tensor, name, edit, reason);
      for (const entry of usage?.entries ?? []) rename(entry, name, keep);
      drop(ws.main, name);
      merged.push(tensor);
      return gone(tensor, edit, keep);
    });
    checkWhenRead(ws, keep, merged);
    return changes;
  });
}

/** Why one cannot stand for the other; undefined where it can, if they hold the same. */
function whyApart(ws: Workspace, keep: string, name: string, usage: Usage | undefined): string | undefined {
  const { main } = ws;
  const [stays, goes] = [main.initializers.get(keep), main.initializers.get(name)];
  if (stays === undefined) return missing(keep);
  if (goes === undefined) return missing(name);
  const reason = whyKept(ws, main, name);
  if (reason !== undefined) return reason;
  const other = whyKept(ws, main, keep);
  if (other !== undefined) return `"${keep}" cannot stand for it: ${other}`;
  if (usage?.isOutput === true) return 'it is a graph output';
  if (!isAlike(stays, goes)) return `"${keep}" has another type or shape`;
  if (stays.dataType === DataType.string) return 'it holds texts';
  if (equalUnread(stays, goes) === false) return `"${keep}" holds other values`;
  const hiding = [...(usage?.entries ?? [])].find(({ scope }) => homeOf(scope, keep) !== main);
  return hiding === undefined ? undefined : `at ${hiding.id}, "${keep}" is another value`;
}

function missing(name: string): string {
  return `the model has no initializer "${name}"`;
}

function rename(entry: Entry, from: string, to: string): void {
  entry.nodes = entry.nodes.map((node) =>
    node.inputs.includes(from)
      ? { ...node, inputs: node.inputs.map((name) => (name === from ? to : name)), range: undefined }
      : node,
  );
}

/** What only reading tells is told when the bytes are asked for: a recipe may come from another model. */
function checkWhenRead({ model, main }: Workspace, keep: string, merged: readonly TensorRef[]): void {
  const tensor = main.initializers.get(keep);
  if (tensor === undefined) return;
  const unread = merged.filter((other) => equalUnread(tensor, other) === undefined);
  if (unread.length === 0) return;
  const location = {
    kind: 'computed',
    byteLength: tensorByteLength(tensor),
    produce: (signal?: AbortSignal) => agreed(model, tensor, unread, signal),
  } as const;
  main.initializers.set(keep, { ...tensor, location, range: undefined });
}

function drop(scope: Scope, name: string): void {
  scope.initializers.delete(name);
  scope.removed.add(name);
}

function gone(tensor: TensorRef, edit: number, into?: string): TensorChange {
  const base = { name: tensor.name, edit, beforeBytes: tensorByteLength(tensor), afterBytes: 0 };
  return { ...base, status: 'applied', ...(into === undefined ? {} : { into }) };
}

function kept(
  tensor: TensorRef | undefined,
  name: string,
  edit: number,
  reason: string | undefined,
): TensorChange {
  const bytes = tensor === undefined ? 0 : tensorByteLength(tensor);
  return { name, edit, beforeBytes: bytes, afterBytes: bytes, status: 'blocked', reason };
}
