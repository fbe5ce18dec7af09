/** A page without a browser: what it is told is kept, what crosses to it is copied. */
import type * as vscode from 'vscode';
import type { Port } from '../../src/rpc.ts';
import type {
  CheckView,
  EstimateView,
  LayerErrorsView,
  MeasurementView,
  SensitivityView,
  WebviewApi,
} from '../../src/protocol.ts';

/** Two ends of one channel; what crosses it must be plain data. */
export function channel(): [Port, Port] {
  return channelOf((message) => {
    const copy: unknown = structuredClone(message);
    return () => copy;
  });
}

/** As VS Code does it: what is posted is made a text in the host; read it is elsewhere, which here is left out. */
export function textChannel(): [Port, Port] {
  return channelOf((message) => {
    JSON.stringify(message);
    return () => message;
  });
}

function channelOf(cross: (message: unknown) => () => unknown): [Port, Port] {
  const handlers: ((message: unknown) => void)[][] = [[], []];
  const end = (own: number): Port => ({
    post: (message) => {
      const arrive = cross(message);
      queueMicrotask(() => {
        const copy = arrive();
        for (const h of handlers[1 - own] ?? []) h(copy);
      });
      return true;
    },
    listen: (handler) => {
      handlers[own]?.push(handler);
      return () => (handlers[own] = (handlers[own] ?? []).filter((h) => h !== handler));
    },
  });
  return [end(0), end(1)];
}

export class Page implements WebviewApi {
  readonly estimates: EstimateView[] = [];
  readonly selected: string[] = [];
  readonly checks: CheckView[] = [];
  readonly pruned: (readonly string[])[] = [];
  readonly columns: string[] = [];
  readonly sensitivities: SensitivityView[] = [];
  readonly layerErrors: LayerErrorsView[] = [];
  readonly measurements: MeasurementView[] = [];
  reloads = 0;

  estimateChanged(view: EstimateView): Promise<void> {
    this.estimates.push(view);
    return Promise.resolve();
  }

  reload(): Promise<void> {
    this.reloads++;
    return Promise.resolve();
  }

  showCheck(view: CheckView): Promise<void> {
    this.checks.push(view);
    return Promise.resolve();
  }

  showLayerErrors(view: LayerErrorsView): Promise<void> {
    this.layerErrors.push(view);
    return Promise.resolve();
  }

  showMeasurement(view: MeasurementView): Promise<void> {
    this.measurements.push(view);
    return Promise.resolve();
  }

  showColumn(column: string): Promise<void> {
    this.columns.push(column);
    return Promise.resolve();
  }

  selectLayer(layerId: string): Promise<void> {
    this.selected.push(layerId);
    return Promise.resolve();
  }

  startPrune(layerIds: readonly string[]): Promise<void> {
    this.pruned.push(layerIds);
    return Promise.resolve();
  }

  startForChosen(): Promise<boolean> {
    return Promise.resolve(false);
  }

  showSensitivity(view: SensitivityView): Promise<void> {
    this.sensitivities.push(view);
    return Promise.resolve();
  }
}

export function memento(): vscode.Memento {
  const values = new Map<string, unknown>();
  return {
    keys: () => [...values.keys()],
    get: <T>(key: string, fallback?: T) => (values.get(key) ?? fallback) as T,
    update: (key, value) => {
      if (value === undefined) values.delete(key);
      else values.set(key, value);
      return Promise.resolve();
    },
  };
}
