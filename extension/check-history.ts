/** The reports of each model's checks, kept for the workspace, so that a run can be compared with earlier ones. */
import type { Memento, Uri } from 'vscode';
import { reportJson, type BatchResult, type CheckReport, type RunStats } from '../src/runtime/index.ts';

export interface KeptCheck {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly report: CheckReport;
}

/** In the memento reports are JSON, which has no infinities of its own. */
interface Stored {
  readonly id: string;
  readonly at: number;
  readonly json: string;
}

const prefix = 'checks:';
const keptPerModel = 10;
/** Of models long closed the oldest go first. */
const keptModels = 50;
/** Of a run, the slowest. */
const keptFallbacks = 50;

export class CheckHistory {
  readonly #memento: Memento;

  constructor(memento: Memento) {
    this.#memento = memento;
  }

  /** Newest first. */
  list(uri: Uri): readonly KeptCheck[] {
    return this.#stored(uri).map(({ id, at, json }) => ({ id, at, report: parse(json) }));
  }

  find(uri: Uri, id: string): KeptCheck | undefined {
    return this.list(uri).find((c) => c.id === id);
  }

  async add(uri: Uri, report: CheckReport): Promise<KeptCheck> {
    const earlier = this.#stored(uri);
    const at = Date.now();
    const number = 1 + Math.max(0, ...earlier.map((c) => Number(c.id)));
    const kept = { id: String(number), at, report: shortened(report) };
    const stored: Stored = { id: kept.id, at, json: reportJson(kept.report) };
    const key = prefix + uri.toString();
    const others = this.#memento.keys().filter((k) => k.startsWith(prefix) && k !== key);
    for (const old of others.slice(0, Math.max(0, others.length + 1 - keptModels)))
      await this.#memento.update(old, undefined);
    await this.#memento.update(key, [stored, ...earlier].slice(0, keptPerModel));
    return kept;
  }

  #stored(uri: Uri): readonly Stored[] {
    return this.#memento.get<readonly Stored[]>(prefix + uri.toString(), []);
  }
}

const figures = new Set(['sqnrDb', 'value', 'low', 'high', 'maxAbsError', 'meanAbsError', 'klDivergence']);

function parse(json: string): CheckReport {
  return JSON.parse(json, (key, value: unknown) => {
    if (!figures.has(key)) return value;
    return value === 'inf' ? Infinity : value === '-inf' ? -Infinity : value;
  }) as CheckReport;
}

function shortened(report: CheckReport): CheckReport {
  const run = (stats: RunStats | undefined) =>
    stats && { ...stats, fallbacks: stats.fallbacks?.slice(0, keptFallbacks) };
  const batch = (b: BatchResult) => ({ ...b, original: run(b.original), compressed: run(b.compressed) });
  return { ...report, batches: report.batches.map(batch) };
}
