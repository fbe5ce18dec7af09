/** Answers what one page asks, and tells it what changed. */
import { commands, type Uri } from 'vscode';
import type {
  BlockOptions,
  CalibrationView,
  CastOptions,
  CheckView,
  EditRequest,
  EditorView,
  EstimateView,
  HostApi,
  LayerErrorsView,
  MeasurementView,
  PictureFile,
  PruneOptions,
  QuantizeOptions,
  ReportKind,
  SensitivityView,
  TrainingChoice,
  WebviewApi,
} from '../../src/protocol.ts';
import type { RunnerOptions } from '../../src/runtime/index.ts';
import { JsonText, textOf } from '../../src/json-text.ts';
import { createPeer, RpcError, type Answering, type Asking, type Peer, type Port } from '../../src/rpc.ts';
import { additionFor, whyNothing, type Addition } from '../addition.ts';
import { calibrationData, calibrationView } from '../calibration-data.ts';
import type { CheckHistory } from '../check-history.ts';
import type { KernelTimes } from '../kernel-times.ts';
import type { Devices } from '../devices.ts';
import { Owner } from '../disposable.ts';
import { measureSqnr } from '../document/measure-sqnr.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { namedLayers } from '../edits.ts';
import { log } from '../log.ts';
import type { Processor } from '../processor.ts';
import type { RunSettings } from '../session/protocol.ts';
import { settings } from '../settings.ts';
import { checkView } from '../views/check-view.ts';
import type { Fact } from '../views/describe.ts';
import { earlyPage, pageView, type EditorViewParts, type PageView } from '../views/editor-view.ts';
import { cardsView } from '../views/training-view.ts';
import { pickCalibration } from '../commands/ask-calibration.ts';
import { checkedDims, checkedEp } from './checked.ts';
import { savePicture } from './save-picture.ts';
import { saveReport } from './save-report.ts';
import type { ViewStates } from './view-state.ts';

export interface HostServices {
  readonly checks: CheckHistory;
  readonly kernelTimes: KernelTimes;
  readonly devices: Devices;
  readonly viewStates: ViewStates;
  readonly processor: Pick<Processor, 'known'>;
  /** @throws Error in an untrusted workspace */
  readonly runner: () => Promise<RunnerOptions>;
}

export class WebviewHost implements Answering<HostApi> {
  readonly #document: OnnxDocument;
  readonly #services: HostServices;
  readonly #owner = new Owner();
  readonly #peer: Peer<WebviewApi>;
  /** Of the weights that the page looks at. */
  #reading = new AbortController();
  #ranking = new AbortController();
  #sensitivity: SensitivityView | undefined;
  /** Of the forms that a draft is about. */
  #choosing = new AbortController();
  /** How often the document changed, and whether the page is being told. */
  #changes = 0;
  #isShowing = false;
  /** Made while the page's script is loaded; for its first question, where nothing changed until then. */
  #firstPage: Promise<PageView> | undefined;
  /** What can be shown before that, for a page that asks sooner. */
  readonly #early: Promise<EditorViewParts | undefined>;

  constructor(port: Port, document: OnnxDocument, services: HostServices) {
    this.#document = document;
    this.#services = services;
    this.#peer = createPeer<HostApi, WebviewApi>(port, this, {
      onError: (method, error) => log().error(`${document.fileName}: ${method}:`, error),
    });
    this.#owner.own(this.#peer);
    this.#owner.own({ dispose: () => this.#reading.abort() });
    this.#owner.own({ dispose: () => this.#ranking.abort() });
    this.#owner.own({ dispose: () => this.#choosing.abort() });
    this.#owner.own(
      document.onDidChange((change) => {
        this.#changes++;
        this.#firstPage = undefined;
        if (change === 'source' || document.failure !== undefined) this.#tell((page) => page.reload());
        else void this.#showEstimate();
      }),
    );
    // the thread answers one after the other
    this.#early = earlyPage(document, services.devices);
    this.#firstPage = this.#page();
    // who asks is told
    for (const answer of [this.#early, this.#firstPage]) answer.catch(() => undefined);
  }

  #page(): Promise<PageView> {
    return pageView(this.#document, this.#services.devices);
  }

  async open(): ReturnType<Answering<HostApi>['open']> {
    const early = this.#firstPage;
    this.#firstPage = undefined;
    const page = await (early ?? this.#page());
    if (page.kind === 'error') return page;
    const checks = this.#services.checks.list(this.#document.uri).map(checkView);
    return textOf<Awaited<ReturnType<HostApi['open']>>>({
      kind: 'model',
      view: { ...page.view, checks, sensitivity: this.#sensitivity },
    });
  }

  async openEarly(): ReturnType<Answering<HostApi>['openEarly']> {
    // a page that is loaded anew finds all of it there
    const all = this.#firstPage?.then(() => undefined);
    const early = all && (await Promise.race([all, this.#early]));
    return early && textOf<EditorView>(early);
  }

  setDims(dims: Readonly<Record<string, number>>): Promise<JsonText<EstimateView>> {
    return this.#change(() => this.#document.setDims(checkedDims(dims)));
  }

  setEp(ep: string): Promise<JsonText<EstimateView>> {
    return this.#change(() => this.#document.setEp(checkedEp(ep)));
  }

  quantize(layerIds: readonly string[], options: QuantizeOptions): Promise<JsonText<EstimateView>> {
    return this.#add({ type: 'quantize', layerIds, options });
  }

  prune(layerIds: readonly string[], options: PruneOptions): Promise<JsonText<EstimateView>> {
    return this.#add({ type: 'prune', layerIds, options });
  }

  pruneBlocks(blocks: readonly string[]): Promise<JsonText<EstimateView>> {
    return this.#add({ type: 'prune-blocks', layerIds: [], options: { blocks, importance: 'weights' } });
  }

  cast(layerIds: readonly string[], options: CastOptions): Promise<JsonText<EstimateView>> {
    return this.#add({ type: 'cast', layerIds, options });
  }

  async preview(edit: EditRequest): ReturnType<HostApi['preview']> {
    const kept = this.#services.kernelTimes.of(this.#document.uri);
    return this.#document.ask('previewView', await this.#additionFor(edit), kept);
  }

  async forms(layerIds: readonly string[]): ReturnType<HostApi['forms']> {
    await this.#services.processor.known();
    const { granularity, weights } = settings;
    const layers = namedLayers({ layerIds });
    return this.#document.ask('formViews', layers, { granularity, weights });
  }

  async chooseCalibration(kind: 'file' | 'folder'): ReturnType<HostApi['chooseCalibration']> {
    return calibrationView(await pickCalibration(this.#document, kind));
  }

  async measureSqnr(): Promise<JsonText<EstimateView>> {
    await measureSqnr(this.#document);
    return this.#document.estimateText();
  }

  async revertLayers(layerIds: readonly string[]): Promise<JsonText<EstimateView>> {
    const changed = await Promise.all(layerIds.map((id) => this.#document.ask('changedNodes', id)));
    return this.#change(() => this.#document.revertLayers([...layerIds, ...changed.flat()]));
  }

  revertEdit(index: number): Promise<JsonText<EstimateView>> {
    return this.#change(() => this.#document.revertEdit(index));
  }

  largestBatch(budgetBytes: number): ReturnType<HostApi['largestBatch']> {
    return this.#document.ask('largestBatchView', budgetBytes);
  }

  laterPeak(): ReturnType<HostApi['laterPeak']> {
    return this.#document.ask('laterPeak');
  }

  listDevices(): ReturnType<HostApi['listDevices']> {
    return this.#services.devices.all();
  }

  openTextView(node?: string): Promise<void> {
    return run('vramLens.openText', this.#document.uri, node);
  }

  compareWithOriginal(): Promise<void> {
    return run('vramLens.compareWithOriginal', this.#document.uri);
  }

  checkAccuracy(): Promise<void> {
    return run('vramLens.checkAccuracy', this.#document.uri);
  }

  describeLayer(layerId: string): Promise<readonly Fact[]> {
    return this.#document.ask('describeLayer', layerId);
  }

  weights(layerId: string): ReturnType<HostApi['weights']> {
    this.#reading.abort();
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    return this.#document.run('weightsView', [layerId], { signal });
  }

  coarseLayers(layerIds: readonly string[]): ReturnType<HostApi['coarseLayers']> {
    this.#ranking.abort();
    this.#ranking = new AbortController();
    const { signal } = this.#ranking;
    return this.#document.run('coarseView', [layerIds], { signal });
  }

  importance(layerId: string, options: PruneOptions): ReturnType<HostApi['importance']> {
    this.#ranking.abort();
    this.#ranking = new AbortController();
    const { signal } = this.#ranking;
    return this.#document.run('importanceView', [layerId, options], { signal });
  }

  async blocks(
    importance: BlockOptions['importance'],
    calibration: CalibrationView | undefined,
  ): ReturnType<HostApi['blocks']> {
    this.#ranking.abort();
    this.#ranking = new AbortController();
    const { signal } = this.#ranking;
    if (importance === 'weights') return this.#document.run('blocksView', [], { signal });
    const data = calibration && calibrationData(calibration);
    const settings = await this.#runSettings();
    return this.#document.run('blocksView', [{ calibration: data, settings }], { signal });
  }

  stopReading(): Promise<void> {
    this.#ranking.abort();
    return Promise.resolve();
  }

  sensitivity(layerIds: readonly string[], options: PruneOptions): Promise<void> {
    return run('vramLens.sensitivity', this.#document.uri, { layerIds, options });
  }

  stopSensitivity(): Promise<void> {
    return run('vramLens.sensitivity.stop', this.#document.uri);
  }

  async fitRatios(maxLoss: number): ReturnType<HostApi['fitRatios']> {
    return commands.executeCommand('vramLens.sensitivity.fit', this.#document.uri, maxLoss);
  }

  async graph(): ReturnType<Answering<HostApi>['graph']> {
    return new JsonText(await this.#document.ask('graphText'));
  }

  savePicture(file: PictureFile): Promise<boolean> {
    return savePicture(this.#document.uri, file);
  }

  async saveReport(checkId: string, kind: ReportKind): Promise<boolean> {
    const { uri } = this.#document;
    const check = this.#services.checks.find(uri, checkId);
    return check !== undefined && (await saveReport(uri, check.report, kind));
  }

  compareLayers(): Promise<void> {
    return run('vramLens.compareLayers', this.#document.uri);
  }

  measure(): Promise<void> {
    return run('vramLens.measure', this.#document.uri);
  }

  findLargestBatch(budgetBytes: number | undefined): Promise<void> {
    return run('vramLens.findLargestBatch', this.#document.uri, { budgetBytes });
  }

  training(choice: TrainingChoice): ReturnType<HostApi['training']> {
    return this.#document.ask('trainingView', choice);
  }

  cards(bytes: number): ReturnType<HostApi['cards']> {
    return Promise.resolve(cardsView(bytes));
  }

  saveViewState(state: Readonly<Record<string, unknown>>): Promise<void> {
    return this.#services.viewStates.set(this.#document.uri, state);
  }

  showColumn(column: string): void {
    this.#tell((page) => page.showColumn(column));
  }

  showCheck(view: CheckView): void {
    this.#tell((page) => page.showCheck(view));
  }

  showLayerErrors(view: LayerErrorsView): void {
    this.#tell((page) => page.showLayerErrors(view));
  }

  showMeasurement(view: MeasurementView): void {
    this.#tell((page) => page.showMeasurement(view));
  }

  selectLayer(layerId: string): void {
    this.#tell((page) => page.selectLayer(layerId));
  }

  startPrune(layerIds: readonly string[]): void {
    this.#tell((page) => page.startPrune(layerIds));
  }

  /** False where the page is not there, too. */
  startForChosen(edit: 'quantize' | 'prune'): Promise<boolean> {
    return this.#peer.remote.startForChosen(edit).catch(() => false);
  }

  showSensitivity(view: SensitivityView): void {
    this.#sensitivity = view;
    this.#tell((page) => page.showSensitivity(view));
  }

  async #add(request: EditRequest): Promise<JsonText<EstimateView>> {
    const { edits, calibration, chosen } = await this.#additionFor(request);
    if (edits.length === 0) throw new Error(whyNothing(chosen));
    return this.#change(() => this.#document.addEdits(edits, calibration));
  }

  /** A later request ends the reading of weights for an earlier one. */
  async #additionFor(request: EditRequest): Promise<Addition> {
    this.#choosing.abort();
    this.#choosing = new AbortController();
    const { signal } = this.#choosing;
    if (request.type === 'quantize') await this.#services.processor.known();
    return additionFor(this.#document, request, signal, () => this.#runSettings());
  }

  /** @throws Error in an untrusted workspace */
  async #runSettings(): Promise<RunSettings> {
    return { runner: await this.#services.runner(), isOnDisk: this.#document.isOriginalOnDisk };
  }

  /** Every page hears of the change by `onDidChange`; the one that asked also gets it as its answer. */
  async #change(change: () => void): Promise<JsonText<EstimateView>> {
    change();
    return this.#document.estimateText();
  }

  /** Where one change follows the other, the page hears of the last: what is asked for between is of no use to anyone. */
  async #showEstimate(): Promise<void> {
    if (this.#isShowing) return;
    this.#isShowing = true;
    try {
      for (let shown = -1; shown !== this.#changes && !this.#owner.isDisposed;) {
        shown = this.#changes;
        const view = await this.#document.estimateText();
        if (shown === this.#changes) this.#tell((page) => page.estimateChanged(view));
      }
    } catch (error) {
      log().warn(`${this.#document.fileName}: the estimate:`, error);
    } finally {
      this.#isShowing = false;
    }
  }

  /** A page that is hidden or gone needs no news: it asks for everything when it is loaded again. */
  #tell(call: (page: Asking<WebviewApi>) => Promise<void>): void {
    call(this.#peer.remote).catch((error: unknown) => {
      if (error instanceof RpcError && error.kind !== 'remote' && error.kind !== 'unknown-method') return;
      log().warn(`${this.#document.fileName}: the page:`, error);
    });
  }

  dispose(): void {
    this.#owner.dispose();
  }
}

async function run(command: string, uri: Uri, ...args: readonly unknown[]): Promise<void> {
  await commands.executeCommand(command, uri, ...args);
}
