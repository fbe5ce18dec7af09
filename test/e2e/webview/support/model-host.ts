/**
 * A host for the page in tests: the real model, analysis and transforms behind `HostApi`, without VS Code. What VS
 * Code itself would show (text view, comparison, check) is only noted in `calls`.
 */
import {
  analyze,
  describeNode,
  laterPeakBytes,
  largestBatch,
  type Analysis,
  type EpName,
} from '../../../../src/analysis/index.ts';
import { formatBytes } from '../../../../src/format.ts';
import type { Model } from '../../../../src/onnx/index.ts';
import type {
  BlocksView,
  CoarseLayersView,
  CastOptions,
  CalibrationView,
  CardsView,
  CheckView,
  DeviceView,
  EditorView,
  EditRequest,
  EstimateView,
  FormView,
  FittedRatiosView,
  GraphView,
  HostApi,
  ImportanceView,
  LargestBatchView,
  PictureFile,
  PreviewView,
  PruneOptions,
  QuantizeOptions,
  ReportKind,
  TrainingChoice,
  TrainingView,
  WeightsView,
  WebviewApi,
} from '../../../../src/protocol.ts';
import {
  applyRecipe,
  blockStrengths,
  channelImportance,
  coarseLayers,
  chooseForms,
  removeLayers,
  residualBlocks,
  weightSqnr,
  type ChosenForms,
  weightHistogram,
  weightImportance,
  type Edit,
  type Recipe,
} from '../../../../src/transforms/index.ts';
import { blockList } from '../../../../extension/views/block-list.ts';
import { gridView } from '../../../../extension/views/grid-view.ts';
import { editFor } from '../../../../extension/edits.ts';
import { pruningEdits } from './pruning-edits.ts';
import { editorView, estimateView, formsView, graphView, previewView, type State } from './views.ts';
import { cardsView, trainingView } from '../../../../extension/views/training-view.ts';

export interface ModelHostOptions {
  readonly fileName: string;
  readonly fileBytes: number;
  readonly devices?: readonly DeviceView[];
  readonly budgetBytes?: number;
}

export class ModelHost implements HostApi {
  readonly calls: { readonly method: string; readonly args: readonly unknown[] }[] = [];
  readonly saved: Readonly<Record<string, unknown>>[] = [];
  /** Told what the host would tell a page; set by the harness. */
  page: WebviewApi | undefined;
  /** What `fitRatios` finds. */
  fitted: FittedRatiosView | undefined;
  readonly #model: Model;
  readonly #options: ModelHostOptions;
  readonly #original: Analysis;
  #dims: Readonly<Record<string, number>> = {};
  #ep: EpName = 'cpu';
  #recipe: Recipe;
  #sqnr: State['sqnr'];

  constructor(model: Model, options: ModelHostOptions) {
    this.#model = model;
    this.#options = options;
    this.#original = analyze(model);
    this.#recipe = {
      version: 1,
      source: { name: options.fileName, sizeBytes: options.fileBytes },
      edits: [],
    };
  }

  open(): Promise<{ kind: 'model'; view: EditorView }> {
    this.#note('open');
    return Promise.resolve({ kind: 'model', view: editorView(this.#state(), this.#options) });
  }

  openEarly(): Promise<EditorView | undefined> {
    return Promise.resolve(undefined);
  }

  setDims(dims: Readonly<Record<string, number>>): Promise<EstimateView> {
    this.#note('setDims', dims);
    this.#dims = dims;
    return this.#answer();
  }

  setEp(ep: string): Promise<EstimateView> {
    this.#note('setEp', ep);
    this.#ep = ep as EpName;
    return this.#answer();
  }

  quantize(layerIds: readonly string[], options: QuantizeOptions): Promise<EstimateView> {
    this.#note('quantize', layerIds, options);
    return this.#edit({ type: 'quantize', layerIds, options });
  }

  prune(layerIds: readonly string[], options: PruneOptions): Promise<EstimateView> {
    this.#note('prune', layerIds, options);
    return this.#edit({ type: 'prune', layerIds, options });
  }

  pruneBlocks(blocks: readonly string[]): Promise<EstimateView> {
    this.#note('pruneBlocks', blocks);
    return this.#edit({ type: 'prune-blocks', layerIds: [], options: { blocks, importance: 'weights' } });
  }

  /** Runs no model: the influences are those of the weights, the other way round. */
  async blocks(importance: 'weights' | 'influence', data: CalibrationView | undefined): Promise<BlocksView> {
    this.#note('blocks', importance, data);
    const { model } = this.#state();
    const scores = [...(await blockStrengths(model))].map(
      ([id, v]) => [id, importance === 'weights' ? v : 1 / v] as const,
    );
    return blockList(residualBlocks(model), new Map(scores), (reason) => reason);
  }

  cast(layerIds: readonly string[], options: CastOptions): Promise<EstimateView> {
    this.#note('cast', layerIds, options);
    return this.#edit({ type: 'cast', layerIds, options });
  }

  async preview(request: EditRequest): Promise<PreviewView> {
    this.#note('preview', request);
    const { edits, chosen } = await this.#addition(request);
    const recipe = { ...this.#recipe, edits: [...this.#recipe.edits, ...edits] };
    return previewView(this.#state(), this.#state(recipe), chosen);
  }

  forms(layerIds: readonly string[]): Promise<readonly FormView[]> {
    this.#note('forms', layerIds);
    return Promise.resolve(formsView(this.#state(), layerIds));
  }

  chooseCalibration(kind: 'file' | 'folder'): Promise<CalibrationView | undefined> {
    this.#note('chooseCalibration', kind);
    return Promise.resolve({ path: kind === 'file' ? 'calibration.npz' : 'images', samples: 128 });
  }

  async measureSqnr(): Promise<EstimateView> {
    this.#note('measureSqnr');
    this.#sqnr = await weightSqnr(this.#model, this.#recipe);
    return this.#answer();
  }

  revertLayers(layerIds: readonly string[]): Promise<EstimateView> {
    this.#note('revertLayers', layerIds);
    this.#recipe = removeLayers(this.#recipe, layerIds);
    return this.#answer();
  }

  revertEdit(index: number): Promise<EstimateView> {
    this.#note('revertEdit', index);
    this.#recipe = { ...this.#recipe, edits: this.#recipe.edits.filter((_, i) => i !== index) };
    return this.#answer();
  }

  largestBatch(budgetBytes: number): Promise<LargestBatchView> {
    this.#note('largestBatch', budgetBytes);
    const answer = largestBatch(this.#state().analysis, { dims: this.#dims, ep: this.#ep, budgetBytes });
    if (answer.kind === 'fits') return Promise.resolve({ batch: answer.batch });
    const note =
      answer.kind === 'unknown' ? answer.reason : `Even batch 1 needs ${formatBytes(answer.heldPeakBytes)}.`;
    return Promise.resolve({ batch: undefined, note });
  }

  laterPeak(): Promise<number | undefined> {
    this.#note('laterPeak');
    const estimate = this.#state().analysis.estimate({ dims: this.#dims, ep: this.#ep, isRepeated: true });
    return Promise.resolve(laterPeakBytes(estimate));
  }

  listDevices(): Promise<readonly DeviceView[]> {
    this.#note('listDevices');
    return Promise.resolve(this.#options.devices ?? []);
  }

  openTextView(node?: string): Promise<void> {
    return this.#noted('openTextView', node);
  }

  compareWithOriginal(): Promise<void> {
    return this.#noted('compareWithOriginal');
  }

  checkAccuracy(): Promise<void> {
    return this.#noted('checkAccuracy');
  }

  describeLayer(layerId: string): Promise<readonly { readonly label: string; readonly value: string }[]> {
    this.#note('describeLayer', layerId);
    const state = this.#state();
    const row = estimateView(state).layers.find((l) => l.id === layerId);
    const main = state.estimate.layers.find((l) => row?.nodes?.includes(l.id) === true);
    const facts = describeNode(state.analysis, state.estimate, main?.id ?? layerId);
    return Promise.resolve(facts.map(({ label, value }) => ({ label: words(label), value })));
  }

  async weights(layerId: string): Promise<WeightsView | undefined> {
    this.#note('weights', layerId);
    const found = await weightHistogram(this.#model, layerId, { bins: 72, recipe: this.#recipe });
    const { counts, dims, after, ...figures } = found;
    return {
      ...figures,
      shape: dims.join(' × '),
      counts: [...counts],
      after: after && {
        counts: [...after.counts],
        sqnrDb: after.sqnrDb === Infinity ? 'inf' : after.sqnrDb,
        ...gridView(after.grid),
      },
    };
  }

  async coarseLayers(layerIds: readonly string[]): Promise<CoarseLayersView> {
    this.#note('coarseLayers', layerIds);
    const found = await coarseLayers(this.#model, { nodes: layerIds });
    return { ...found, layers: found.layers.map(({ node, ...figures }) => ({ name: node, ...figures })) };
  }

  stopReading(): Promise<void> {
    this.#note('stopReading');
    return Promise.resolve();
  }

  async importance(layerId: string, options: PruneOptions): Promise<ImportanceView> {
    this.#note('importance', layerId, options);
    const { signal } = new AbortController();
    const { model } = this.#state().applied;
    const parts =
      options.kind === 'channels'
        ? await channelImportance(model, layerId, options, signal)
        : [await weightImportance(model, layerId, signal)];
    return { parts, note: parts.length === 0 ? 'It has no channels that can go.' : undefined };
  }

  sensitivity(layerIds: readonly string[], options: PruneOptions): Promise<void> {
    return this.#noted('sensitivity', layerIds, options);
  }

  stopSensitivity(): Promise<void> {
    return this.#noted('stopSensitivity');
  }

  /** Runs nothing: what each layer can lose is said by the test. */
  fitRatios(maxLoss: number): Promise<FittedRatiosView | undefined> {
    this.#note('fitRatios', maxLoss);
    return Promise.resolve(this.fitted);
  }

  graph(): Promise<GraphView> {
    this.#note('graph');
    return Promise.resolve(graphView(this.#state(), this.#dims));
  }

  savePicture(file: PictureFile): Promise<boolean> {
    this.#note('savePicture', file);
    return Promise.resolve(true);
  }

  saveReport(checkId: string, kind: ReportKind): Promise<boolean> {
    this.#note('saveReport', checkId, kind);
    return Promise.resolve(true);
  }

  compareLayers(): Promise<void> {
    return this.#noted('compareLayers');
  }

  measure(): Promise<void> {
    return this.#noted('measure');
  }

  findLargestBatch(budgetBytes: number | undefined): Promise<void> {
    return this.#noted('findLargestBatch', budgetBytes);
  }

  training(choice: TrainingChoice): Promise<TrainingView> {
    this.#note('training', choice);
    return Promise.resolve(
      trainingView({ original: this.#original, changed: this.#state().analysis, dims: this.#dims }, choice),
    );
  }

  cards(bytes: number): Promise<readonly CardsView[]> {
    this.#note('cards', bytes);
    return Promise.resolve(cardsView(bytes));
  }

  saveViewState(state: Readonly<Record<string, unknown>>): Promise<void> {
    this.saved.push(state);
    return Promise.resolve();
  }

  /** As the extension does when a check has run. */
  async showCheck(view: CheckView): Promise<void> {
    await this.page?.showCheck(view);
  }

  estimateNow(): EstimateView {
    return estimateView(this.#state());
  }

  async #edit(request: EditRequest): Promise<EstimateView> {
    const { edits } = await this.#addition(request);
    const data =
      'options' in request && 'calibration' in request.options ? request.options.calibration : undefined;
    const calibration = data === undefined ? this.#recipe.calibration : { ...data, batchSize: 8 };
    this.#recipe = { ...this.#recipe, calibration, edits: [...this.#recipe.edits, ...edits] };
    this.#sqnr = undefined;
    return this.#answer();
  }

  async #addition(request: EditRequest): Promise<{ edits: readonly Edit[]; chosen?: ChosenForms['layers'] }> {
    if (request.type === 'prune') return { edits: await pruningEdits(this.#model, this.#recipe, request) };
    if (request.type !== 'quantize') return { edits: [editFor(request)] };
    const { options, layerIds } = request;
    if (options.form !== 'auto') return { edits: [editFor({ type: 'quantize', layerIds, options })] };
    const { minSqnrDb } = options;
    const settings = { ep: this.#ep, layers: { nodes: [...layerIds] }, minSqnrDb };
    const { edits, layers } = await chooseForms(this.#model, settings);
    return { edits, chosen: layers };
  }

  /** The extension tells every page of a change before it answers the one that asked. */
  #answer(): Promise<EstimateView> {
    const view = this.estimateNow();
    void this.page?.estimateChanged(view).catch(() => undefined);
    return Promise.resolve(view);
  }

  #state(recipe: Recipe = this.#recipe): State {
    const applied = applyRecipe(this.#model, recipe);
    const analysis = applied.model === this.#model ? this.#original : analyze(applied.model, this.#original);
    const options = { dims: this.#dims, ep: this.#ep };
    return {
      model: this.#model,
      recipe,
      ep: this.#ep,
      sqnr: this.#sqnr,
      applied,
      analysis,
      original: this.#original,
      estimate: analysis.estimate(options),
      estimateBefore: this.#original.estimate(options),
    };
  }

  #note(method: string, ...args: readonly unknown[]): void {
    this.calls.push({ method, args });
  }

  #noted(method: string, ...args: readonly unknown[]): Promise<void> {
    this.#note(method, ...args);
    return Promise.resolve();
  }
}

/** outputShape → Output shape */
function words(label: string): string {
  const text = label.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`);
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
