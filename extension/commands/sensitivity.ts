/** "Sensitivity": each layer pruned alone, at several ratios, and run; the editor draws what comes, as it comes. */
import { l10n, ProgressLocation, window, type CancellationToken } from 'vscode';
import type { EpName } from '../../src/analysis/index.ts';
import type { PruneOptions, SensitivityView } from '../../src/protocol.ts';
import type { DataSpec, RunnerOptions } from '../../src/runtime/index.ts';
import { showEditor } from '../apply-edit.ts';
import { withSignal } from '../document/abort.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import type { Services } from '../services.ts';
import { targetModel } from '../target.ts';
import { askData } from './ask-data.ts';
import { withModelFiles } from './check-files.ts';
import type { Command } from './command.ts';
import { runnableEp } from './measure.ts';
import { MeasuredSensitivity } from './measured-sensitivity.ts';

const ratios = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];
/** Small: many runs, of which each is to be short. */
const samples = 256;
const batchSize = 16;

const running = new WeakMap<OnnxDocument, AbortController>();
/** For what goes on from there. */
const last = new WeakMap<OnnxDocument, { readonly run: Run; readonly measured: MeasuredSensitivity }>();

export const lastSensitivity = (document: OnnxDocument) => last.get(document);

/** `{ layerIds, options }`, and for those who ask nothing `data`: the path of a .npz, or 'random'. */
export const sensitivity: Command = {
  id: 'vramLens.sensitivity',
  run: async (services, argument, given) => {
    const uri = await targetModel(argument);
    const plan = givenPlan(given);
    if (uri === undefined || plan === undefined) return undefined;
    // refused here already where the workspace is not trusted
    const runner = await services.runner.options();
    return services.documents.use(uri, async (document) => {
      const data = dataOf(plan.data) ?? (await askData(document));
      const ep = data && (await runnableEp(services, document));
      if (data === undefined || ep === undefined) return undefined;
      await showEditor(services, uri);
      return measure(services, document, plan, { runner, ep, data: fewer(data) });
    });
  },
};

export const stopSensitivity: Command = {
  id: 'vramLens.sensitivity.stop',
  run: async (services, argument) => {
    const uri = await targetModel(argument);
    if (uri === undefined) return;
    await services.documents.use(uri, (document) => running.get(document)?.abort());
  },
};

interface Plan {
  readonly layerIds: readonly string[];
  readonly options: PruneOptions;
  readonly data?: unknown;
}

/** From our page, or a test: the edit that it makes is checked where it is made. */
function givenPlan(given: unknown): Plan | undefined {
  const isPlan = typeof given === 'object' && given !== null && 'layerIds' in given && 'options' in given;
  return isPlan ? (given as Plan) : undefined;
}

function dataOf(data: unknown): DataSpec | undefined {
  if (typeof data !== 'string') return undefined;
  return data === 'random'
    ? { kind: 'random', seed: 0, samples }
    : { kind: 'numpy', path: data, limit: samples };
}

function fewer(data: DataSpec): DataSpec {
  return data.kind === 'random' ? data : { ...data, limit: Math.min(samples, data.limit ?? samples) };
}

export interface Run {
  readonly runner: RunnerOptions;
  readonly ep: EpName;
  readonly data: DataSpec;
}

async function measure(
  services: Services,
  document: OnnxDocument,
  plan: Plan,
  run: Run,
): Promise<SensitivityView> {
  running.get(document)?.abort();
  const own = new AbortController();
  running.set(document, own);
  const state = new MeasuredSensitivity(await document.ask('layerNames'), { ...plan, ratios }, run.ep);
  last.set(document, { run, measured: state });
  const show = (): void => {
    for (const page of services.editors.pagesOf(document)) page.showSensitivity(state.view());
  };
  show();
  try {
    const title = l10n.t('Measuring how sensitive the layers of {0} are', document.fileName);
    await withProgress(title, (progress, token) =>
      withSignal(token, (outer) => {
        const signal = AbortSignal.any([outer, own.signal]);
        return withOriginal(document, run.data, signal, (modelPath) =>
          document.run(
            'sensitivity',
            [
              {
                ...{ ...run, isOnDisk: document.isOriginalOnDisk },
                ...{ modelPath, layers: plan.layerIds, options: plan.options, ratios },
                ...dimsOf(document),
              },
            ],
            {
              signal,
              onProgress: ({ point }) => {
                if (point === undefined) return;
                state.add(point);
                const message = `${state.done} / ${state.total}`;
                progress.report({ increment: 100 / state.total, message });
                show();
              },
            },
          ),
        );
      }),
    );
    state.state = 'done';
  } finally {
    if (state.state === 'running') state.state = 'stopped';
    // another one may have begun, which ended this
    if (running.get(document) === own) {
      running.delete(document);
      show();
    }
  }
  return state.view();
}

/** Compared with itself, so that the edits of the document are not written for nothing. */
export function withOriginal<T>(
  document: OnnxDocument,
  data: DataSpec,
  signal: AbortSignal,
  work: (file: string) => Promise<T>,
): Promise<T> {
  const against = document.uri.scheme === 'file' ? document.uri : undefined;
  return withModelFiles(document, { batchSizes: [], ep: 'cpu', data, against }, signal, (files) =>
    work(files.original),
  );
}

export function dimsOf(document: OnnxDocument) {
  const batch = document.batchSymbols;
  const dims = Object.entries(document.options.dims).filter(([name]) => !batch.includes(name));
  return {
    dims: Object.fromEntries(dims),
    batchSymbols: batch,
    batchSize: batch.length === 0 ? 1 : batchSize,
  };
}

export function withProgress<T>(
  title: string,
  work: (
    progress: { report(value: { increment: number; message: string }): void },
    token: CancellationToken,
  ) => Promise<T>,
): Thenable<T> {
  return window.withProgress({ location: ProgressLocation.Notification, title, cancellable: true }, work);
}
