/**
 * What the extension host and the webview say to each other: one interface of methods per direction, from which
 * calls and results are derived (`src/rpc.ts`). Every request settles, also on throw, dispose or process death.
 * Plain data only; the webview imports nothing else from src/.
 */
import type { CardsView, TrainingChoice, TrainingView } from './protocol/beyond.ts';
import type {
  BlockOptions,
  BlocksView,
  CoarseLayersView,
  CalibrationView,
  CastOptions,
  EditRequest,
  FormView,
  LargestBatchView,
  PreviewView,
  PruneOptions,
  QuantizeOptions,
} from './protocol/edits.ts';
import type { DeviceView, EditorView, ErrorView, EstimateView } from './protocol/model.ts';
import type {
  FittedRatiosView,
  GraphView,
  ImportanceView,
  PictureFile,
  SensitivityView,
  WeightsView,
} from './protocol/pictures.ts';
import type { CheckView, LayerErrorsView, MeasurementView, ReportKind } from './protocol/runs.ts';

export type * from './protocol/beyond.ts';
export type * from './protocol/edits.ts';
export type * from './protocol/model.ts';
export type * from './protocol/pictures.ts';
export type * from './protocol/runs.ts';

export type Locale = 'en' | 'zh-cn';

/** Called by the webview, answered by the host. */
export interface HostApi {
  /** The webview is ready: what to show. */
  open(): Promise<
    | { readonly kind: 'model'; readonly view: EditorView }
    | { readonly kind: 'error'; readonly view: ErrorView }
  >;
  /**
   * What the file itself says, for a page to show until `open` is answered; undefined where that takes no longer, or
   * where the file cannot be read.
   */
  openEarly(): Promise<EditorView | undefined>;
  setDims(dims: Readonly<Record<string, number>>): Promise<EstimateView>;
  setEp(ep: string): Promise<EstimateView>;
  /** Layer ids of `LayerRow`. Adds an edit; the new state also comes by `WebviewApi.estimateChanged`. */
  quantize(layerIds: readonly string[], options: QuantizeOptions): Promise<EstimateView>;
  prune(layerIds: readonly string[], options: PruneOptions): Promise<EstimateView>;
  pruneBlocks(blocks: readonly string[]): Promise<EstimateView>;
  cast(layerIds: readonly string[], options: CastOptions): Promise<EstimateView>;
  /** What the edit would do; changes nothing. */
  preview(edit: EditRequest): Promise<PreviewView>;
  /** Each form for these layers. */
  forms(layerIds: readonly string[]): Promise<readonly FormView[]>;
  /** Asks for a file or folder; undefined where the person gave up. */
  chooseCalibration(kind: 'file' | 'folder'): Promise<CalibrationView | undefined>;
  /** Fills `LayerRow.sqnrDb` by reading the weights that the recipe changes. */
  measureSqnr(): Promise<EstimateView>;
  /** Removes the edits of these layers. */
  revertLayers(layerIds: readonly string[]): Promise<EstimateView>;
  /** Removes one edit of the recipe. */
  revertEdit(index: number): Promise<EstimateView>;
  largestBatch(budgetBytes: number): Promise<LargestBatchView>;
  /** Bytes held at the peak from the second run on; undefined where not known, or as those of the first. */
  laterPeak(): Promise<number | undefined>;
  /** The GPUs of this machine, once the system has answered (up to seconds the first time). */
  listDevices(): Promise<readonly DeviceView[]>;
  /** Opens what VS Code itself shows. `node`: reveal that line. */
  openTextView(node?: string): Promise<void>;
  compareWithOriginal(): Promise<void>;
  checkAccuracy(): Promise<void>;
  /** Cost of a layer in full, as text lines (shape, dtype, formula, share of the peak). */
  describeLayer(layerId: string): Promise<readonly { readonly label: string; readonly value: string }[]>;
  /** Reads the layer's weights; a later call cancels one that is under way. Undefined: it has no float32 weights. */
  weights(layerId: string): Promise<WeightsView | undefined>;
  /**
   * Layers that int8 with one scale for the whole weight serves badly, and one per channel better: reads their weights,
   * within a limit; a later call of this or the next two cancels one that is under way.
   */
  coarseLayers(layerIds: readonly string[]): Promise<CoarseLayersView>;
  /** Reads what it takes once; a later call cancels one that is under way. The ratio does not matter. */
  importance(layerId: string, options: PruneOptions): Promise<ImportanceView>;
  /** Reads weights once, or runs the model on data; a later call cancels one that is under way. */
  blocks(
    importance: BlockOptions['importance'],
    calibration: CalibrationView | undefined,
  ): Promise<BlocksView>;
  /** Cancels a call of the last three that is under way: its dialog is closed, or no longer shows it. */
  stopReading(): Promise<void>;
  /** Runs the model with each layer pruned alone, on data that the person is asked for; see `showSensitivity`. */
  sensitivity(layerIds: readonly string[], options: PruneOptions): Promise<void>;
  stopSensitivity(): Promise<void>;
  /** From the sensitivity: runs the model with all its layers pruned, some times; undefined where it was given up. */
  fitRatios(maxLoss: number): Promise<FittedRatiosView | undefined>;
  /** The graph at the chosen dims. */
  graph(): Promise<GraphView>;
  /** Asks where, and writes; false where the person gave up. */
  savePicture(file: PictureFile): Promise<boolean>;
  /** As `savePicture`, of the check of that id. */
  saveReport(checkId: string, kind: ReportKind): Promise<boolean>;
  /** Runs both models and compares what is inside of them; see `showLayerErrors`. */
  compareLayers(): Promise<void>;
  /** Runs the model at the chosen dims; see `showMeasurement`. */
  measure(): Promise<void>;
  /** Runs one batch size after another; VS Code shows progress and result. */
  findLargestBatch(budgetBytes: number | undefined): Promise<void>;
  training(choice: TrainingChoice): Promise<TrainingView>;
  /** Common cards that hold so much, least memory first. */
  cards(bytes: number): Promise<readonly CardsView[]>;
  /** Remembers view state (columns, sort, filter) for this document. */
  saveViewState(state: Readonly<Record<string, unknown>>): Promise<void>;
}

/** Called by the host, answered by the webview. */
export interface WebviewApi {
  estimateChanged(view: EstimateView): Promise<void>;
  /** The file changed on disk, or the document was reverted. */
  reload(): Promise<void>;
  showCheck(view: CheckView): Promise<void>;
  showLayerErrors(view: LayerErrorsView): Promise<void>;
  showMeasurement(view: MeasurementView): Promise<void>;
  selectLayer(layerId: string): Promise<void>;
  /** Shows the layer table with that column. */
  showColumn(column: string): Promise<void>;
  /** Opens the dialog. */
  startPrune(layerIds: readonly string[]): Promise<void>;
  showSensitivity(view: SensitivityView): Promise<void>;
  /** Opens the dialog for the layers that are chosen; false where there are none that it can be done to. */
  startForChosen(edit: 'quantize' | 'prune'): Promise<boolean>;
}

/** Initial data of the page, as JSON in the attribute `data-init` of <body>. */
export interface PageInit {
  readonly locale: Locale;
  readonly viewState: Readonly<Record<string, unknown>>;
}
