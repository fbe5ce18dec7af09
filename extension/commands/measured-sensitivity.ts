/** The points of a sensitivity, as they come, and what they are together. */
import type { EpName } from '../../src/analysis/index.ts';
import type { Curve } from '../../src/fit-ratios.ts';
import type { PruneOptions, SensitivityView } from '../../src/protocol.ts';
import type { SensitivityPoint } from '../../src/sensitivity.ts';
import { pruneEdit } from '../edits.ts';
import { localize } from '../l10n/domain-text.ts';
import type { QueryAnswer } from '../session/protocol.ts';
import { changeName } from '../views/edit-label.ts';

interface Plan {
  readonly layerIds: readonly string[];
  readonly options: PruneOptions;
  /** 0..1, ascending. */
  readonly ratios: readonly number[];
}

export class MeasuredSensitivity {
  readonly total: number;
  state: SensitivityView['state'] = 'running';
  readonly #names: QueryAnswer<'layerNames'>;
  readonly #plan: Plan;
  readonly #ep: EpName;
  readonly #points: SensitivityPoint[] = [];

  constructor(names: QueryAnswer<'layerNames'>, plan: Plan, ep: EpName) {
    this.#names = names;
    this.#plan = plan;
    this.#ep = ep;
    this.total = plan.layerIds.length * plan.ratios.length;
  }

  get done(): number {
    return this.#points.length;
  }

  add(point: SensitivityPoint): void {
    this.#points.push(point);
  }

  /** What each layer told, as far as it is known without a gap. */
  get curves(): readonly Curve[] {
    return this.view().layers.map(({ layerId, values }) => ({
      layer: layerId,
      points: values
        .slice(0, known(values))
        .map((value, i) => ({ ratio: this.#plan.ratios[i] ?? 0, value: value ?? 0 })),
    }));
  }

  get options(): PruneOptions {
    return this.#plan.options;
  }

  view(): SensitivityView {
    const { ratios } = this.#plan;
    const ran = this.#points.find((p) => p.samples !== undefined);
    const isLabelled = ran?.originalAccuracy !== undefined;
    const value = (p: SensitivityPoint | undefined) => (isLabelled ? p?.accuracy : p?.cosine) ?? null;
    return {
      options: this.#plan.options,
      what: changeName(pruneEdit({ all: true }, this.#plan.options)),
      measure: isLabelled ? 'accuracy' : 'similarity',
      original: isLabelled ? ran.originalAccuracy : ran && 1,
      data: localize(ran?.data ?? ''),
      samples: ran?.samples ?? 0,
      ep: this.#ep,
      ratios,
      layers: this.#plan.layerIds.map((layerId) => {
        const own = this.#points.filter((p) => p.layer === layerId);
        const reason = own.find((p) => p.reason !== undefined)?.reason;
        return {
          layerId,
          name: this.#names.get(layerId)?.name ?? layerId,
          values: ratios.map((ratio) => value(own.find((p) => p.ratio === ratio))),
          reason: reason === undefined ? undefined : localize(reason),
        };
      }),
      ...{ done: this.done, total: this.total, state: this.state },
    };
  }
}

/** How many come before the first that is not known. */
function known(values: readonly (number | null)[]): number {
  const gap = values.indexOf(null);
  return gap < 0 ? values.length : gap;
}
