/** Which EP is the best, and what tells a GPU from software. */
import assert from 'node:assert/strict';
import { bestEp } from '../../../src/runtime/eps.ts';
import { parseGpus } from '../../../src/runtime/nvidia.ts';
import { probeAnswer } from '../../../src/runtime/probe-model.ts';
import type { EpStatus } from '../../../src/runtime/types.ts';
import { softwareIn } from '../../../src/runtime/worker/adapter.ts';

const works = (ep: EpStatus['ep'], more: Partial<EpStatus> = {}): EpStatus => ({
  ep,
  available: true,
  detail: '',
  ...more,
});

describe('the best EP', () => {
  const CASES: [string, EpStatus[], EpStatus['ep']][] = [
    ['is the CPU where there is nothing else', [works('cpu')], 'cpu'],
    ['is the GPU', [works('cpu'), works('webgpu')], 'webgpu'],
    ['is the one that is made for the card', [works('webgpu'), works('cuda'), works('cpu')], 'cuda'],
    ['is not one that computes in software', [works('webgpu', { isSoftware: true }), works('cpu')], 'cpu'],
    ['is not one that does not work', [works('cuda', { available: false }), works('cpu')], 'cpu'],
  ];
  for (const [title, statuses, expected] of CASES) it(title, () => assert.equal(bestEp(statuses), expected));
});

describe('an adapter on Linux', () => {
  const swiftshader = '7f00-7f01 r-xp 00000000 08:01 1  /usr/lib/chromium/libvk_swiftshader.so\n';
  const lavapipe = '7f00-7f01 r-xp 00000000 08:01 1  /usr/lib/x86_64-linux-gnu/libvulkan_lvp.so\n';
  for (const file of ['/dev/dri/renderD128', '/dev/nvidia0', '/dev/dxg', '/dev/kfd']) {
    it(`is a GPU where ${file} is open, whatever else is loaded`, () =>
      assert.equal(softwareIn(['/dev/null', file], lavapipe), undefined));
  }
  it('is software where none is', () => {
    assert.match(softwareIn(['/dev/null', 'pipe:[3]'], swiftshader) ?? '', /SwiftShader/);
    assert.match(softwareIn([], lavapipe) ?? '', /llvmpipe/);
    assert.match(softwareIn([], '') ?? '', /in software/);
  });
});

describe('nvidia-smi', () => {
  it('gives cards with their memory', () => {
    const [card, old] = parseGpus('NVIDIA H200, 143771, 143155\nTesla K80, [N/A], 11\n\n');
    assert.deepEqual(card, {
      name: 'NVIDIA H200',
      vendor: 'NVIDIA',
      vramBytes: 143771 * 2 ** 20,
      freeBytes: 143155 * 2 ** 20,
      source: 'nvidia-smi',
    });
    assert.equal(old?.vramBytes, undefined);
    assert.deepEqual(parseGpus('No devices were found\n'), []);
  });
});

describe('the probe', () => {
  it('knows its answer', () => {
    // row 0, column 0: 1·1 + 2·2 + 3·0.5 + 4·1 + 10
    assert.equal(probeAnswer()[0], 20.5);
    assert.equal(probeAnswer().length, 6);
  });
});
