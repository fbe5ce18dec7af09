/** What the file declares of a value, against what was inferred: it fills what is unknown, and contradictions show. */
import type { DeclaredDim, TypeInfo } from '../../onnx/model.ts';
import { dimSymbols, dimToString, isUnknown, lowerBound, upperBound } from '../dim.ts';
import type { InferredType } from '../inference.ts';
import type { Dim } from '../types.ts';
import { dimsOf, isTensor } from './rule.ts';
import { typeOfDeclared } from './symbols.ts';

export interface DeclaredContext {
  readonly dimOf: (d: DeclaredDim) => Dim;
  readonly isDerived: (symbol: string) => boolean;
  /** Called with what contradicts, for a person. */
  readonly contradiction: (message: string) => void;
}

/** The inferred type, with the declared one where it says more. */
export function withDeclared(
  inferred: InferredType,
  declared: TypeInfo | undefined,
  c: DeclaredContext,
): InferredType {
  if (declared === undefined || declared.kind === 'other') return inferred;
  if (inferred.kind === 'unknown') return typeOfDeclared(declared, c.dimOf);
  if (inferred.kind === 'sequence' || inferred.kind === 'optional') {
    if (declared.kind !== inferred.kind || declared.elem === undefined || !isUnknown(inferred.elem))
      return inferred;
    return { ...inferred, elem: typeOfDeclared(declared.elem, c.dimOf) };
  }
  if (!isTensor(inferred) || (declared.kind !== 'tensor' && declared.kind !== 'sparseTensor'))
    return inferred;
  const elemType = mergeElemType(inferred.elemType, declared.elemType, c);
  const shape = mergeShape(inferred, declared.shape, c);
  if (elemType === inferred.elemType && shape === inferred.shape) return inferred;
  return { kind: 'tensor', elemType, shape, content: inferred.content, fill: inferred.fill };
}

function mergeElemType(inferred: number, declared: number, c: DeclaredContext): number {
  if (inferred === 0 || declared === 0) return inferred || declared;
  if (inferred !== declared) c.contradiction(`declared with element type ${declared}, inferred ${inferred}`);
  return inferred;
}

function mergeShape(
  inferred: InferredType & { kind: 'tensor' },
  declared: readonly DeclaredDim[] | undefined,
  c: DeclaredContext,
) {
  if (declared === undefined) return inferred.shape;
  const dims = dimsOf(inferred.shape);
  if (dims === undefined) return declared.map(c.dimOf);
  if (dims.length !== declared.length) {
    c.contradiction(`declared with rank ${declared.length}, inferred ${textOf(dims)}`);
    return inferred.shape;
  }
  const merged = dims.map((d, i) => {
    const said = declared[i];
    return said === undefined ? d : mergeDeclaredDim(d, said, c);
  });
  const clash = dims.some((d, i) => contradicts(d, declared[i]));
  if (clash)
    c.contradiction(`declared as ${declared.map(declaredText).join(' × ')}, inferred ${textOf(dims)}`);
  return merged.some((d, i) => d !== dims[i]) ? merged : inferred.shape;
}

function mergeDeclaredDim(d: Dim, said: DeclaredDim, c: DeclaredContext): Dim {
  if (said.kind === 'none' || typeof d === 'number') return d;
  if (isUnknown(d)) {
    const dim = c.dimOf(said);
    return isUnknown(dim) ? d : dim;
  }
  const onlyRunningTells = [...dimSymbols(d)].some((s) => c.isDerived(s));
  if (said.kind === 'symbol' && onlyRunningTells) {
    const dim = c.dimOf(said);
    return isUnknown(dim) || [...dimSymbols(dim)].some((s) => c.isDerived(s)) ? d : dim;
  }
  return said.kind === 'size' && said.size >= 0 && onlyRunningTells && !contradicts(d, said) ? said.size : d;
}

function contradicts(d: Dim, said: DeclaredDim | undefined): boolean {
  if (said?.kind !== 'size' || said.size < 0) return false;
  return said.size < lowerBound(d) || said.size > upperBound(d);
}

function declaredText(d: DeclaredDim): string {
  return d.kind === 'size' ? String(d.size) : d.kind === 'symbol' ? d.symbol : '?';
}

function textOf(dims: readonly Dim[]): string {
  return dims.length === 0 ? 'a scalar' : dims.map(dimToString).join(' × ');
}
