/** Operators whose output channels can be chosen to be removed; others only follow. */
export const CHANNEL_OPS: ReadonlySet<string> = new Set([
  'Conv',
  'ConvTranspose',
  'Gemm',
  'MatMul',
  'Einsum',
  'LSTM',
  'GRU',
  'RNN',
  'com.microsoft.Attention',
]);
