/** An inferred type against what really came out. */
import { evaluateDim, isUnknown } from '../../src/analysis/dim.ts';
import type { InferredType, ModelInference } from '../../src/analysis/inference.ts';
import type { Holder } from '../../src/analysis/shapes/merge.ts';
import { isTensor } from '../../src/analysis/shapes/rule.ts';
import type { TensorType } from '../../src/analysis/shapes/rule.ts';
import type { Dim } from '../../src/analysis/types.ts';

/** What an oracle says of one value. */
export type Actual =
  | { readonly kind: 'tensor'; readonly elemType: number; readonly dims: readonly number[] }
  | { readonly kind: 'sequence'; readonly items: readonly Actual[] }
  | { readonly kind: 'optional'; readonly item: Actual | undefined }
  | { readonly kind: 'map' };

/**
 * `equal`: type and every dim; `bounded`: as `equal`, but dims that only running tells stay below their bound;
 * `symbolic`: as `bounded`, but without a bound; `partial`: right as far as it goes, with something unknown; `wrong`:
 * not so.
 */
export const verdicts = ['equal', 'bounded', 'symbolic', 'partial', 'wrong'] as const;
export type Verdict = (typeof verdicts)[number];

/** The least good of several. */
export function worst(of: readonly Verdict[]): Verdict {
  return of.reduce<Verdict>((a, b) => (verdicts.indexOf(b) > verdicts.indexOf(a) ? b : a), 'equal');
}

export class Comparison {
  private readonly sizes: Readonly<Record<string, number>>;

  /** `sizes`: of the free symbols. Derived ones stand at their bounds. */
  constructor(inference: ModelInference, sizes: Readonly<Record<string, number>>) {
    const all: Record<string, number> = { ...sizes };
    for (let found = true; found;) {
      found = false;
      for (const [name, bound] of inference.bounds) {
        const size = Object.hasOwn(all, name) ? undefined : evaluateDim(bound, all);
        if (size === undefined) continue;
        all[name] = size;
        found = true;
      }
    }
    this.sizes = sizes;
    this.all = all;
  }

  private readonly all: Readonly<Record<string, number>>;

  compare(inferred: InferredType | undefined, actual: Actual): Verdict {
    if (inferred === undefined || inferred.kind === 'unknown') return 'partial';
    if (inferred.kind === 'optional') return this.compareOptional(inferred, actual);
    if (actual.kind === 'optional')
      return actual.item === undefined ? 'wrong' : this.compare(inferred, actual.item);
    if (inferred.kind === 'map' || actual.kind === 'map')
      return inferred.kind === actual.kind ? 'equal' : 'wrong';
    if (inferred.kind === 'sequence')
      return actual.kind === 'sequence' ? this.compareSequence(inferred, actual.items) : 'wrong';
    return actual.kind === 'tensor' && isTensor(inferred) ? this.compareTensor(inferred, actual) : 'wrong';
  }

  private compareTensor(inferred: TensorType, actual: Actual & { kind: 'tensor' }): Verdict {
    const { shape, elemType } = inferred;
    const type: Verdict = elemType === 0 ? 'partial' : elemType === actual.elemType ? 'equal' : 'wrong';
    if (isUnknown(shape)) return worst([type, 'partial']);
    if (shape.length !== actual.dims.length) return 'wrong';
    return worst([type, ...shape.map((d, i) => this.compareDim(d, actual.dims[i] ?? NaN))]);
  }

  private compareDim(d: Dim, actual: number): Verdict {
    if (isUnknown(d)) return 'partial';
    const exact = evaluateDim(d, this.sizes);
    if (exact !== undefined) return exact === actual ? 'equal' : 'wrong';
    const most = evaluateDim(d, this.all);
    if (most === undefined) return 'symbolic';
    return actual <= most ? 'bounded' : 'wrong';
  }

  private compareSequence(inferred: Holder, items: readonly Actual[]): Verdict {
    if (inferred.items)
      return inferred.items.length === items.length
        ? worst(items.map((a, i) => this.compare(inferred.items?.[i], a)))
        : 'wrong';
    const length = inferred.length === undefined ? 'partial' : this.compareDim(inferred.length, items.length);
    return worst([length, ...items.map((a) => this.compare(inferred.elem, a))]);
  }

  private compareOptional(inferred: Holder, actual: Actual): Verdict {
    const item = actual.kind === 'optional' ? actual.item : actual;
    if (inferred.items && (item === undefined) !== (inferred.items.length === 0)) return 'wrong';
    return item === undefined ? 'equal' : this.compare(inferred.items?.[0] ?? inferred.elem, item);
  }
}
