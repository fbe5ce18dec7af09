/** Answers what one page asks, and tells it what changed. */
import { commands, type Uri, type Webview } from 'vscode';
import type { EpName } from '../../src/analysis/index.ts';
import type {
  CheckView,
  EditRequest,
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
import { createPeer, RpcError, type Peer, type Port } from '../../src/rpc.ts';
import { additionFor, calibrationView, whyNothing, type Addition } from '../addition.ts';
import type { CheckHistory } from '../check-history.ts';
import type { Devices } from '../devices.ts';
import { Owner } from '../disposable.ts';
import { measureSqnr } from '../document/measure-sqnr.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { namedLayers } from '../edits.ts';
import { log } from '../log.ts';
import { isEpName } from '../settings.ts';
import { checkView } from '../views/check-view.ts';
import { layerFacts, type Fact } from '../views/describe.ts';
import { pageView } from '../views/editor-view.ts';
import { estimateView } from '../views/estimate-view.ts';
import { formViews } from '../views/form-views.ts';
import { graphView } from '../views/graph-view.ts';
import { importanceView } from '../views/importance-view.ts';
import { largestBatchView } from '../views/largest-batch.ts';
import { layerStates } from '../views/layers.ts';
import { previewView } from '../views/preview-view.ts';
import { cardsView, trainingView, type Trained } from '../views/training-view.ts';
import { weightsView } from '../views/weights-view.ts';
import { pickCalibration } from '../commands/ask-calibration.ts';
import { savePicture } from './save-picture.ts';
import { saveReport } from './save-report.ts';
import type { ViewStates } from './view-state.ts';

export interface HostServices {
  readonly checks: CheckHistory;
  readonly devices: Devices;
  readonly viewStates: ViewStates;
}

export class WebviewHost implements HostApi {
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
        if (change === 'source' || document.failure !== undefined) this.#tell((page) => page.reload());
        else this.#tell((page) => page.estimateChanged(estimateView(document)));
      }),
    );
  }

  async open(): ReturnType<HostApi['open']> {
    const page = await pageView(this.#document, this.#services.devices);
    if (page.kind === 'error') return page;
    const checks = this.#services.checks.list(this.#document.uri).map(checkView);
    return { kind: 'model', view: { ...page.view, checks, sensitivity: this.#sensitivity } };
  }

  setDims(dims: Readonly<Record<string, number>>): Promise<EstimateView> {
    return this.#change(() => this.#document.setDims(checkedDims(dims)));
  }

  setEp(ep: string): Promise<EstimateView> {
    return this.#change(() => this.#document.setEp(checkedEp(ep)));
  }

  quantize(layerIds: readonly string[], options: QuantizeOptions): Promise<EstimateView> {
    return this.#add({ type: 'quantize', layerIds, options });
  }

  prune(layerIds: readonly string[], options: PruneOptions): Promise<EstimateView> {
    return this.#add({ type: 'prune', layerIds, options });
  }

  cast(layerIds: readonly string[]): Promise<EstimateView> {
    return this.#add({ type: 'cast', layerIds });
  }

  async preview(edit: EditRequest): ReturnType<HostApi['preview']> {
    return previewView(this.#document, await this.#additionFor(edit));
  }

  forms(layerIds: readonly string[]): ReturnType<HostApi['forms']> {
    return settle(() => formViews(this.#document, namedLayers({ layerIds })));
  }

  async chooseCalibration(kind: 'file' | 'folder'): ReturnType<HostApi['chooseCalibration']> {
    return calibrationView(await pickCalibration(this.#document, kind));
  }

  async measureSqnr(): Promise<EstimateView> {
    await measureSqnr(this.#document);
    return estimateView(this.#document);
  }

  revertLayers(layerIds: readonly string[]): Promise<EstimateView> {
    return this.#change(() => this.#document.revertLayers(layerIds));
  }

  revertEdit(index: number): Promise<EstimateView> {
    return this.#change(() => this.#document.revertEdit(index));
  }

  largestBatch(budgetBytes: number): ReturnType<HostApi['largestBatch']> {
    return settle(() => largestBatchView(this.#document, budgetBytes));
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
    return settle(() => {
      const layer = layerStates(this.#document).find((l) => l.id === layerId);
      return layer === undefined ? [] : layerFacts(this.#document, layer);
    });
  }

  weights(layerId: string): ReturnType<HostApi['weights']> {
    this.#reading.abort();
    this.#reading = new AbortController();
    return weightsView(this.#document, layerId, this.#reading.signal);
  }

  importance(layerId: string, options: PruneOptions): ReturnType<HostApi['importance']> {
    this.#ranking.abort();
    this.#ranking = new AbortController();
    return importanceView(this.#document, layerId, options, this.#ranking.signal);
  }

  sensitivity(layerIds: readonly string[], options: PruneOptions): Promise<void> {
    return run('vramLens.sensitivity', this.#document.uri, { layerIds, options });
  }

  stopSensitivity(): Promise<void> {
    return run('vramLens.sensitivity.stop', this.#document.uri);
  }

  graph(): ReturnType<HostApi['graph']> {
    return settle(() => graphView(this.#document));
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
    return settle(() => trainingView(trainedOf(this.#document), choice));
  }

  cards(bytes: number): ReturnType<HostApi['cards']> {
    return settle(() => cardsView(bytes));
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

  showSensitivity(view: SensitivityView): void {
    this.#sensitivity = view;
    this.#tell((page) => page.showSensitivity(view));
  }

  async #add(request: EditRequest): Promise<EstimateView> {
    const { edits, calibration, chosen } = await this.#additionFor(request);
    if (edits.length === 0) throw new Error(whyNothing(chosen));
    return this.#change(() => this.#document.addEdits(edits, calibration));
  }

  /** A later request ends the reading of weights for an earlier one. */
  #additionFor(request: EditRequest): Promise<Addition> {
    this.#choosing.abort();
    this.#choosing = new AbortController();
    return additionFor(this.#document, request, this.#choosing.signal);
  }

  /** Every page hears of the change by `onDidChange`; the one that asked also gets it as its answer. */
  #change(change: () => void): Promise<EstimateView> {
    return settle(() => {
      change();
      return estimateView(this.#document);
    });
  }

  /** A page that is hidden or gone needs no news: it asks for everything when it is loaded again. */
  #tell(call: (page: WebviewApi) => Promise<void>): void {
    call(this.#peer.remote).catch((error: unknown) => {
      if (error instanceof RpcError && error.kind !== 'remote' && error.kind !== 'unknown-method') return;
      log().warn(`${this.#document.fileName}: the page:`, error);
    });
  }

  dispose(): void {
    this.#owner.dispose();
  }
}

export function trainedOf({ snapshot, options }: OnnxDocument): Trained {
  return { original: snapshot.base.analysis(), changed: snapshot.analysis(), dims: options.dims };
}

/** A webview as a message port. */
export function webviewPort(webview: Webview): Port {
  return {
    post: (message) => webview.postMessage(message),
    listen: (handler) => {
      const listener = webview.onDidReceiveMessage(handler);
      return () => void listener.dispose();
    },
  };
}

function settle<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}

async function run(command: string, uri: Uri, ...args: readonly unknown[]): Promise<void> {
  await commands.executeCommand(command, uri, ...args);
}

/** The page is code of ours, but what it sends is checked where it would be calculated with. */
function checkedDims(dims: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  for (const [name, size] of Object.entries(dims)) {
    if (!Number.isSafeInteger(size) || size < 1)
      throw new RangeError(`${name}: expected a whole number of at least 1, got ${String(size)}`);
  }
  return dims;
}

function checkedEp(ep: string): EpName {
  if (!isEpName(ep)) throw new RangeError(`unknown execution provider ${ep}`);
  return ep;
}
