/** Shape and type inference. */
export { inferShapes, reinfer } from './infer.ts';
export type { InferenceOptions } from './infer.ts';
export { familyOf, knownOperators } from './registry.ts';
