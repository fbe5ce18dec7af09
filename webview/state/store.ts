/** The state of the page: what the host gave, what was asked of it and not yet answered, what a person chose. */
import { computed, signal } from '@preact/signals';
import type {
  CheckView,
  DeviceView,
  EditorView,
  EditRequest,
  ErrorView,
  EstimateView,
  LargestBatchView,
  LayerErrorsView,
  LayerRow,
  MeasurementView,
  PreviewView,
  SensitivityView,
} from '../../src/protocol.ts';
import { defaultViewState, type ViewState } from './view-state.ts';

export type Opened =
  | { readonly kind: 'loading' }
  | { readonly kind: 'model'; readonly view: EditorView }
  | { readonly kind: 'error'; readonly view: ErrorView }
  /** The host itself failed to answer. */
  | { readonly kind: 'failed'; readonly message: string };

export const opened = signal<Opened>({ kind: 'loading' });
/** Everything that changes with dims, EP or recipe; the newest the host gave. */
export const estimate = signal<EstimateView | undefined>(undefined);

/** Whether it is the first one, whose figures are yet to come. */
export const isEarly = computed(() => estimate.value?.isEarly === true);

/** Dims and EP that were asked for and are not answered yet: controls show them at once. */
export const wantedDims = signal<Readonly<Record<string, number>>>({});
export const wantedEp = signal<string | undefined>(undefined);
/** Calls under way that change or refresh figures. */
export const pending = signal(0);

/** The GPUs of this machine. */
export const devices = signal<readonly DeviceView[]>([]);

export const viewState = signal<ViewState>(defaultViewState);
export function patchView(patch: Partial<ViewState>): void {
  viewState.value = { ...viewState.peek(), ...patch };
}

/** Layer ids, in the order they were chosen. */
export const selection = signal<ReadonlySet<string>>(new Set());
/** The row the keyboard is at, and the inspector shows. */
export const cursor = signal<string | undefined>(undefined);
/** Counts up when the table should bring the cursor's row into view. */
export const reveal = signal(0);

export type Largest =
  | { readonly kind: 'none' }
  | { readonly kind: 'pending' }
  | { readonly kind: 'known'; readonly view: LargestBatchView };
export const largest = signal<Largest>({ kind: 'none' });

/** Bytes held from the second run on, of the estimate that is shown; undefined where not known, or as of the first. */
export const laterPeak = signal<number | undefined>(undefined);

/** Reports of this model, newest first. */
export const checks = signal<readonly CheckView[]>([]);
/** The last comparison of layers of this session. */
export const layerErrors = signal<LayerErrorsView | undefined>(undefined);
/** The last run of this session. */
export const measurement = signal<MeasurementView | undefined>(undefined);

/** An edit being thought about, with what it would do. */
export interface Draft {
  readonly edit: EditRequest;
  readonly preview:
    | { readonly kind: 'pending' }
    | { readonly kind: 'known'; readonly view: PreviewView }
    | { readonly kind: 'failed'; readonly message: string };
}
export const draft = signal<Draft | undefined>(undefined);
/** Layers that the edit being thought about would change. */
export const touched = computed<ReadonlySet<string>>(() => {
  const preview = draft.value?.preview;
  if (preview?.kind !== 'known') return new Set();
  const groups = preview.view.groups?.filter((g) => g.blocked === undefined) ?? [];
  return new Set(groups.flatMap((g) => g.layers.map((l) => l.layerId)));
});

/** The last measurement of this session. */
export const sensitivity = signal<SensitivityView | undefined>(undefined);

export interface Notice {
  readonly id: number;
  readonly kind: 'error' | 'info';
  readonly text: string;
}
export const notices = signal<readonly Notice[]>([]);
/** Counts up when the colours of the theme changed: canvases draw anew. */
export const theme = signal(0);

/** Whether there is room for the details beside the panes. */
export const isWide = signal(true);
export const isSideShown = computed(() => viewState.value.isSideOpen ?? isWide.value);

export const model = computed(() => (opened.value.kind === 'model' ? opened.value.view.model : undefined));
export const layers = computed<readonly LayerRow[]>(() => estimate.value?.layers ?? []);
export const layerById = computed(() => new Map(layers.value.map((l) => [l.id, l])));
/** The memory to stay within; undefined where none is known. */
export const budgetBytes = computed(
  () =>
    viewState.value.budgetBytes ??
    (opened.value.kind === 'model' ? opened.value.view.budgetBytes : undefined) ??
    devices.value[0]?.vramBytes,
);
export const isReadOnly = computed(() => opened.value.kind === 'model' && opened.value.view.isReadOnly);
export const isTrusted = computed(() => opened.value.kind === 'model' && opened.value.view.isTrusted);
export const selectedLayers = computed(() => layers.value.filter((l) => selection.value.has(l.id)));
