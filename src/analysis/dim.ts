/** Dimensions as formulas: their algebra, how they are read, and their values. */
export {
  add,
  ceilDiv,
  ceilReal,
  dimToString,
  equal,
  floorDiv,
  floorReal,
  lessThan,
  lowerBound,
  max,
  min,
  mod,
  mul,
  sameDim,
  sub,
  symbol,
  upperBound,
} from './dim-algebra.ts';
export { isExpr, isIntegral, isUnknown, unknown } from './dim-expr.ts';
export type { Atom, DimExpr, Factor, KnownDim, Term } from './dim-expr.ts';
export { isIdentifier, parseDim } from './dim-parse.ts';
export { DimProgram, dimSymbols, evaluateDim, substituteDim } from './dim-evaluate.ts';
