/** What a person can ask for: each action calls the host and puts the answer into the store. */
import { batch } from '@preact/signals';
import type { CheckView, EditRequest, EstimateView } from '../../src/protocol.ts';
import { addNotice, ask, complain, host, messageOf } from './host.ts';
import { columnIds } from './columns.ts';
import { latest } from './latest.ts';
import { isGroupKey } from './rows.ts';
import { isOrderedEarly } from './view-state.ts';
import {
  budgetBytes,
  checks,
  cursor,
  devices,
  draft,
  estimate,
  largest,
  laterPeak,
  opened,
  patchView,
  pending,
  reveal,
  selection,
  sensitivity,
  viewState,
  wantedDims,
  wantedEp,
} from './store.ts';
import type { TextKey } from '../l10n/index.ts';

/** Asks for everything: at the start, and when the file changed. */
export async function open(): Promise<void> {
  if (opened.peek().kind === 'loading') void openEarly();
  try {
    const answer = await host().open();
    batch(() => {
      opened.value = answer;
      if (answer.kind === 'error') return;
      const { checks: kept, devices: found } = answer.view;
      checks.value = kept ?? [];
      devices.value = found ?? [];
      sensitivity.value = answer.view.sensitivity;
      receiveEstimate(answer.view.estimate);
    });
    if (answer.kind === 'model') void findDevices();
  } catch (error) {
    opened.value = { kind: 'failed', message: messageOf(error) };
  }
}

/** Shows what is known by now, where it stays where it is once the figures are there. */
async function openEarly(): Promise<void> {
  // what goes wrong is told by the answer that is waited for
  const view = await host()
    .openEarly()
    .catch(() => undefined);
  if (view === undefined || opened.peek().kind !== 'loading' || !isOrderedEarly(viewState.peek())) return;
  batch(() => {
    opened.value = { kind: 'model', view };
    estimate.value = view.estimate;
  });
}

/** The system may take seconds to list its GPUs: the page does not wait for it. */
async function findDevices(): Promise<void> {
  const found = await ask('failed.devices', (h) => h.listDevices());
  if (found === undefined) return;
  devices.value = found;
  if (budgetBytes.peek() !== undefined && largest.peek().kind === 'none') refreshLargest();
}

/** Calls under way that are answered with an estimate. */
let changing = 0;
/** An estimate that came by itself meanwhile: the answer will be newer, unless it fails. */
let held: EstimateView | undefined;

export function receiveEstimate(view: EstimateView): void {
  if (changing > 0) held = view;
  else showEstimate(view);
}

export function showEstimate(view: EstimateView): void {
  held = undefined;
  const ids = new Set(view.layers.map((l) => l.id));
  batch(() => {
    estimate.value = view;
    wantedDims.value = {};
    wantedEp.value = undefined;
    const kept = [...selection.peek()].filter((id) => ids.has(id));
    if (kept.length !== selection.peek().size) selection.value = new Set(kept);
    const at = cursor.peek();
    if (at !== undefined && !isGroupKey(at) && !ids.has(at)) cursor.value = undefined;
    laterPeak.value = undefined;
  });
  askLaterPeak(undefined);
  refreshLargest();
}

const askLaterPeak = latest(
  () => host().laterPeak(),
  (bytes) => {
    laterPeak.value = bytes;
  },
  (error) => complain('failed.later', error),
);

function failed(what: TextKey, error: unknown): void {
  complain(what, error);
  batch(() => {
    wantedDims.value = {};
    wantedEp.value = undefined;
    if (held !== undefined) showEstimate(held);
  });
}

/** Counts a call as pending without showing its failure: for those that have their own place for it. */
async function counted<T>(call: Promise<T>): Promise<T> {
  pending.value++;
  changing++;
  try {
    return await call;
  } finally {
    pending.value--;
    changing--;
  }
}

const askDims = latest(
  (dims: Readonly<Record<string, number>>) => counted(host().setDims(dims)),
  showEstimate,
  (error) => failed('failed.dims', error),
);

export function setDim(name: string, value: number): void {
  wantedDims.value = { ...wantedDims.peek(), [name]: value };
  const current = Object.fromEntries((estimate.peek()?.symbols ?? []).map((s) => [s.name, s.value]));
  askDims({ ...current, ...wantedDims.peek() });
}

const askEp = latest(
  (ep: string) => counted(host().setEp(ep)),
  showEstimate,
  (error) => failed('failed.ep', error),
);

export function setEp(ep: string): void {
  wantedEp.value = ep;
  askEp(ep);
}

const askLargest = latest(
  (bytes: number) => host().largestBatch(bytes),
  (view) => {
    largest.value = { kind: 'known', view };
  },
  (error) => {
    largest.value = { kind: 'known', view: { batch: undefined, note: messageOf(error) } };
  },
);

function refreshLargest(): void {
  const bytes = budgetBytes.peek();
  if (bytes === undefined || estimate.peek()?.symbols.some((s) => s.isBatch) !== true) {
    largest.value = { kind: 'none' };
    return;
  }
  if (largest.peek().kind === 'none') largest.value = { kind: 'pending' };
  askLargest(bytes);
}

export function setBudget(bytes: number): void {
  patchView({ budgetBytes: bytes });
  refreshLargest();
}

/** Selects one layer, brings it into view and into the inspector. */
export function selectLayer(layerId: string, options: { readonly showTable?: boolean } = {}): void {
  batch(() => {
    selection.value = new Set([layerId]);
    cursor.value = layerId;
    reveal.value++;
    if (options.showTable === true) patchView({ tab: 'layers' });
  });
}

async function edit(what: TextKey, call: () => Promise<EstimateView>): Promise<boolean> {
  changing++;
  const view = await ask(what, call);
  changing--;
  if (view !== undefined) showEstimate(view);
  else if (held !== undefined) showEstimate(held);
  return view !== undefined;
}

/** Adds the edit that is being thought about to the recipe. */
export async function applyDraft(): Promise<void> {
  const request = draft.peek()?.edit;
  if (request === undefined) return;
  if (await edit(failedEdits[request.type], () => send(request))) draft.value = undefined;
}

const failedEdits: Readonly<Record<EditRequest['type'], TextKey>> = {
  quantize: 'failed.quantize',
  prune: 'failed.prune',
  'prune-blocks': 'failed.prune',
  cast: 'failed.quantize',
};

function send(request: EditRequest): Promise<EstimateView> {
  switch (request.type) {
    case 'quantize':
      return host().quantize(request.layerIds, request.options);
    case 'prune':
      return host().prune(request.layerIds, request.options);
    case 'prune-blocks':
      return host().pruneBlocks(request.options.blocks);
    case 'cast':
      return host().cast(request.layerIds, request.options);
  }
}

export const revertLayers = (layerIds: readonly string[]): Promise<boolean> =>
  edit('failed.revert', () => host().revertLayers(layerIds));

export const revertEdit = (index: number): Promise<boolean> =>
  edit('failed.revert', () => host().revertEdit(index));

/** All layers at once: the weights are read in one go. */
export async function measureSqnr(): Promise<void> {
  if (await edit('failed.measure', () => host().measureSqnr())) showColumn('sqnr');
}

export function showColumn(column: string): void {
  const { shown } = viewState.peek();
  patchView({ tab: 'layers', shown: columnIds.filter((id) => id === column || shown.includes(id)) });
}

export const openTextView = (node?: string): Promise<void> =>
  ask('failed.textView', (h) => (node === undefined ? h.openTextView() : h.openTextView(node)));

export const compareWithOriginal = (): Promise<void> => ask('failed.compare', (h) => h.compareWithOriginal());

/** The report itself comes by `WebviewApi.showCheck`. */
export const checkAccuracy = (): Promise<void> => ask('failed.check', (h) => h.checkAccuracy());

/** As many as the host keeps. */
const keptChecks = 10;

export function showCheck(view: CheckView): void {
  batch(() => {
    const others = checks.peek().filter((c) => c.id !== view.id);
    checks.value = [view, ...others].slice(0, keptChecks);
    patchView({ tab: 'checks' });
  });
}

/** Puts text on the clipboard and says so. */
export async function copyText(text: string, done: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    addNotice('info', done);
  } catch (error) {
    complain('failed.copy', error);
  }
}
