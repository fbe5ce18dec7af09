import type { DynamicInt8Options } from '../../src/protocol.ts';
import type { Named } from './select.tsx';

/** How many weights share a scale, where blocks do not say. */
export const granularities: readonly Named<DynamicInt8Options['granularity']>[] = [
  { value: 'per-channel', title: 'quantize.perChannel' },
  { value: 'per-tensor', title: 'quantize.perTensor' },
];
