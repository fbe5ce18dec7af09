/**
 * Runs one model once with ONNX Runtime's profiler on, optimization disabled, and prints the profile's path. In a
 * process of its own: `node --import=tsx profile-child.ts JSON`.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';

export interface ProfileRequest {
  readonly model: string;
  /** File name to begin with. */
  readonly prefix: string;
  readonly dims: Readonly<Record<string, number>>;
  /** Value of every element, by input; 0 for integers and a wave for floats where it is left out. */
  readonly values: Readonly<Record<string, number>>;
}

const request = JSON.parse(process.argv[2] ?? '') as ProfileRequest;
const session = await InferenceSession.create(request.model, {
  graphOptimizationLevel: 'disabled',
  enableProfiling: true,
  profileFilePrefix: request.prefix,
  intraOpNumThreads: 1,
  logSeverityLevel: 3,
});
const feeds: Record<string, Tensor> = {};
for (const meta of session.inputMetadata) {
  if (!meta.isTensor) throw new Error(`${meta.name} is no tensor`);
  const dims = meta.shape.map((d, i) =>
    typeof d === 'number' ? d : (request.dims[d === '' ? `${meta.name}.d${i}` : d] ?? 1),
  );
  feeds[meta.name] = filled(meta.type, dims, request.values[meta.name]);
}
await session.run(feeds);
session.endProfiling();

function filled(type: string, dims: readonly number[], value: number | undefined): Tensor {
  const count = dims.reduce((n, d) => n * d, 1);
  switch (type) {
    case 'float32':
      return new Tensor(
        'float32',
        Float32Array.from({ length: count }, (_, i) => value ?? Math.sin(i)),
        dims,
      );
    case 'int64':
      return new Tensor(
        'int64',
        BigInt64Array.from({ length: count }, () => BigInt(value ?? 0)),
        dims,
      );
    case 'int32':
      return new Tensor(
        'int32',
        Int32Array.from({ length: count }, () => value ?? 0),
        dims,
      );
    case 'bool':
      return new Tensor(
        'bool',
        Uint8Array.from({ length: count }, () => value ?? 0),
        dims,
      );
    default:
      throw new Error(`no values of type ${type}`);
  }
}
