/** The reports of each model's checks, kept for the workspace, so that a run can be compared with earlier ones. */
import { createHash } from 'node:crypto';
import type { Memento, Uri } from 'vscode';
import { reportJson, type BatchResult, type CheckReport, type RunStats } from '../src/runtime/index.ts';
import type { Edit } from '../src/transforms/index.ts';

export interface KeptCheck {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly report: CheckReport;
  /** What was checked in a few words, e.g. `int8`; empty where the model was run alone. */
  readonly label?: string | undefined;
  /** {@link recipeKey} of the edits that it had then. */
  readonly recipe?: string | undefined;
}

/** In the memento reports are JSON, which has no infinities of its own. */
interface Stored {
  readonly id: string;
  readonly at: number;
  readonly json: string;
  readonly label?: string | undefined;
  readonly recipe?: string | undefined;
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
    return this.#stored(uri).map(kept);
  }

  newest(uri: Uri): KeptCheck | undefined {
    const [first] = this.#stored(uri);
    return first && kept(first);
  }

  find(uri: Uri, id: string): KeptCheck | undefined {
    return this.list(uri).find((c) => c.id === id);
  }

  async add(uri: Uri, report: CheckReport, of: Pick<KeptCheck, 'label' | 'recipe'> = {}): Promise<KeptCheck> {
    const earlier = this.#stored(uri);
    const at = Date.now();
    const number = 1 + Math.max(0, ...earlier.map((c) => Number(c.id)));
    const check = { id: String(number), at, report: shortened(report), ...of };
    const stored: Stored = { id: check.id, at, json: reportJson(check.report), ...of };
    const key = prefix + uri.toString();
    const others = this.#memento.keys().filter((k) => k.startsWith(prefix) && k !== key);
    for (const old of others.slice(0, Math.max(0, others.length + 1 - keptModels)))
      await this.#memento.update(old, undefined);
    await this.#memento.update(key, [stored, ...earlier].slice(0, keptPerModel));
    return check;
  }

  #stored(uri: Uri): readonly Stored[] {
    return this.#memento.get<readonly Stored[]>(prefix + uri.toString(), []);
  }
}

/** The same for the same edits, without keeping them. */
export function recipeKey(edits: readonly Edit[]): string {
  return createHash('sha256').update(JSON.stringify(edits)).digest('hex');
}

function kept({ json, ...rest }: Stored): KeptCheck {
  return { ...rest, report: parse(json) };
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
    stats && { ...stats, times: undefined, fallbacks: stats.fallbacks?.slice(0, keptFallbacks) };
  const batch = (b: BatchResult) => ({ ...b, original: run(b.original), compressed: run(b.compressed) });
  return { ...report, batches: report.batches.map(batch) };
}
