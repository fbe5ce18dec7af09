/** Names of execution providers as a person reads them. */

/** As the vendors write them; the same in every language. */
const epTitles: Readonly<Record<string, string>> = {
  cpu: 'CPU',
  webgpu: 'WebGPU',
  cuda: 'CUDA',
  tensorrt: 'TensorRT',
  dml: 'DirectML',
  coreml: 'CoreML',
};

/** A provider that is not known is shown as the host calls it. */
export function epTitle(ep: string): string {
  return epTitles[ep] ?? ep;
}
