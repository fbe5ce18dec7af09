/** What a person reads when a run goes wrong. */
import assert from 'node:assert/strict';
import { whyNot } from '../../../src/runtime/eps.ts';
import {
  libraryReason,
  cleanOrtMessage,
  describeExit,
  fromOrt,
  memoryLimitMarker,
  RunnerError,
  type ChildExit,
  type FailureKind,
} from '../../../src/runtime/failure.ts';

const exit = (e: Partial<ChildExit>): ChildExit => ({ code: null, signal: null, stderr: '', ...e });

describe('a child that ended without an answer', () => {
  const CASES: [string, ChildExit, FailureKind, RegExp][] = [
    [
      'killed',
      exit({ signal: 'SIGKILL' }),
      'out-of-memory',
      /killed \(SIGKILL\) while running batch 2.*want of memory.*smaller batch/,
    ],
    ['killed in a container', exit({ code: 137 }), 'out-of-memory', /killed \(SIGKILL\)/],
    [
      'at its limit',
      exit({ signal: 'SIGKILL', stderr: `x\n${memoryLimitMarker}\n` }),
      'out-of-memory',
      /^The memory limit was reached while running batch 2/,
    ],
    [
      'out of C++ memory',
      exit({ signal: 'SIGABRT', stderr: "terminate called after throwing 'std::bad_alloc'" }),
      'out-of-memory',
      /ran out of memory.*Its last words: terminate called/,
    ],
    [
      'by a segmentation fault',
      exit({ signal: 'SIGSEGV' }),
      'crash',
      /crashed \(SIGSEGV\) while running batch 2/,
    ],
    [
      'by an exit code',
      exit({ code: 7, stderr: 'first\n\u001b[31mlast word.\u001b[0m\n    at somewhere\n' }),
      'crash',
      /exit code 7.*Its last words: last word\.$/,
    ],
  ];
  for (const [title, how, kind, pattern] of CASES) {
    it(title, () => {
      const error = describeExit(how, 'running batch 2 of 7');
      assert.equal(error.kind, kind);
      assert.match(error.message, pattern);
      assert.ok(error.isPerBatch);
    });
  }
});

it('a child that ended before it began is no fault of the batch size', () => {
  const stderr = "node:internal/x\nError: Cannot find module 'a'.\n    at x\n\nNode.js v20.1.0";
  const error = describeExit(exit({ code: 1, stderr }), 'starting');
  assert.equal(error.kind, 'internal');
  assert.equal(
    error.message,
    "The runner process ended with exit code 1 while starting. Its last words: Error: Cannot find module 'a'.",
  );
});

describe("ONNX Runtime's words", () => {
  const src = '/onnxruntime_src/onnxruntime/core';
  const MESSAGES: [string, string, string][] = [
    [
      'of a load',
      `Load model from /tmp/a.onnx failed:${src}/graph/model.cc:202 onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::PathString&, const onnxruntime::ModelOptions&) Unsupported model IR version: 99, max supported IR version: 13\n`,
      'Load model from /tmp/a.onnx failed: Unsupported model IR version: 99, max supported IR version: 13',
    ],
    [
      'of a kernel',
      `Non-zero status code returned while running Conv node. Name:'c' Status Message: ${src}/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 60211200000\n`,
      "Non-zero status code returned while running Conv node. Name:'c' Status Message: Failed to allocate memory for requested buffer of size 60211200000",
    ],
    [
      'of a failed check',
      `${src}/providers/webgpu/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::Initialize(const Config&)::<lambda()> adapter_result.status == wgpu::RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters\n`,
      'Failed to get a WebGPU adapter: No supported adapters',
    ],
    [
      'of Windows, in an operator()',
      'D:\\a\\_work\\1\\s\\onnxruntime\\core\\x.cc:12 onnxruntime::X::operator()(int (*)(float)) const Bad things (really).',
      'Bad things (really)',
    ],
    [
      'with a status code and colours',
      '\u001b[1;31m[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid dimensions.\u001b[m\nStacktrace:\n  at here',
      'INVALID_ARGUMENT : Got invalid dimensions',
    ],
    [
      'of several lines',
      'Got invalid dimensions for input: x for the following indices\n index: 2 Got: 2 Expected: 28\n Please fix it.',
      'Got invalid dimensions for input: x for the following indices index: 2 Got: 2 Expected: 28 Please fix it',
    ],
  ];
  for (const [title, raw, clean] of MESSAGES) it(title, () => assert.equal(cleanOrtMessage(raw), clean));

  const KINDS: [string, FailureKind][] = [
    ['Failed to allocate memory for requested buffer of size 8589934592', 'out-of-memory'],
    ['std::bad_alloc', 'out-of-memory'],
    ['CUDA_ERROR_OUT_OF_MEMORY', 'out-of-memory'],
    ['Got invalid dimensions for input: x', 'batch'],
  ];
  for (const [message, kind] of KINDS) {
    it(`"${message}" is of kind ${kind}`, () => {
      const cause = new Error(message);
      const error = fromOrt(cause, 'running batch 1 of 1', 'batch');
      assert.equal(error.kind, kind);
      assert.equal(error.cause, cause);
      assert.match(error.message, /running batch 1 of 1/);
    });
  }

  it('on an EP that is not there are put into ours', () => {
    const noAdapter = 'Failed to get a WebGPU adapter: No supported adapters';
    assert.match(whyNot('webgpu', noAdapter, 'linux'), /^no Vulkan adapter was found/);
    assert.match(whyNot('webgpu', noAdapter, 'win32'), /^no Direct3D 12 adapter/);
    assert.match(whyNot('webgpu', noAdapter, 'darwin'), /^no Metal adapter/);
    assert.match(
      whyNot('cuda', 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library', 'linux'),
      /libraries are not installed/,
    );
    const cuda =
      'ONNX Runtime failed while loading the model on cuda: OrtSession…: Failed to load shared library.';
    assert.equal(
      whyNot('cuda', `${cuda} libcudnn.so.9: cannot open shared object file: No such file or directory.`),
      'it needs the library libcudnn.so.9, which this system does not have',
    );
    assert.match(
      whyNot(
        'cuda',
        `${cuda} libonnxruntime_providers_shared.so: cannot open shared object file: No such file.`,
      ),
      /^its libraries are not installed/,
    );
    assert.equal(
      whyNot('cuda', `${cuda} libonnxruntime_providers_cuda.so: file too short.`),
      'its library cannot be loaded: libonnxruntime_providers_cuda.so: file too short',
    );
    assert.equal(whyNot('dml', 'Something else.', 'win32'), 'Something else');
  });
});

describe('the reason why a library could not be loaded', () => {
  it('is read from what ONNX Runtime logs', () => {
    const log =
      '\x1b[1;31m[E:onnxruntime:, provider_bridge_ort.cc:2146 Create] FAIL : Failed to load library /a/b/libonnxruntime_providers_cuda.so with error: libcudnn.so.9: cannot open shared object file: No such file or directory\n\x1b[m';
    assert.equal(
      libraryReason(log),
      'libcudnn.so.9: cannot open shared object file: No such file or directory',
    );
    assert.equal(
      libraryReason('Failed to load library /a/x.so with error: /a/x.so: file too short\n'),
      'x.so: file too short',
    );
    assert.equal(libraryReason('something else'), undefined);
  });
});

describe('an error of the runner', () => {
  const KINDS: Record<FailureKind, boolean> = {
    'out-of-memory': true,
    crash: true,
    timeout: true,
    batch: true,
    cancelled: false,
    model: false,
    data: false,
    ep: false,
    internal: false,
  };
  for (const [kind, isPerBatch] of Object.entries(KINDS)) {
    it(`of kind ${kind} ${isPerBatch ? 'leaves' : 'ends'} the other batch sizes`, () =>
      assert.equal(new RunnerError(kind as FailureKind, '').isPerBatch, isPerBatch));
  }
});
