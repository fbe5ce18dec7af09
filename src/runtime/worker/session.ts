/** ONNX Runtime sessions: made from our settings, fed with host tensors, errors put into words. */
import { createRequire } from 'node:module';
import path from 'node:path';
import type * as OnnxRuntime from 'onnxruntime-node';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { HostTensor } from '../data/source.ts';
import { fromOrt, RunnerError, type FailureKind } from '../failure.ts';
import type { TensorInfo } from '../inputs.ts';
import { ortFolderVariable, type SessionSpec } from '../messages.ts';
import type { SessionSettings } from '../types.ts';

export type Ort = typeof OnnxRuntime;

/** Loaded late: the watching thread shares this bundle and must not load a native module. */
export async function loadOrt(): Promise<Ort> {
  const folder = process.env[ortFolderVariable];
  if (folder === undefined) return import('onnxruntime-node');
  return createRequire(path.join(folder, 'package.json'))(folder) as Ort;
}

/** A path, or a graph in memory, with the folder that its external data are in. */
export type ModelFile = string | { readonly bytes: Uint8Array; readonly dataFolder?: string | undefined };

/** `profilePrefix`: path and start of the name of the profile file, where one is wanted. */
export async function createSession(
  ort: Ort,
  model: ModelFile,
  spec: SessionSpec,
  profilePrefix?: string,
): Promise<InferenceSession> {
  const { settings } = spec;
  const entries = sessionEntries(model, settings);
  const options: InferenceSession.SessionOptions = {
    executionProviders: [spec.ep],
    graphOptimizationLevel: spec.optimization,
    logSeverityLevel: 3,
    ...(settings.intraOpThreads === undefined ? {} : { intraOpNumThreads: settings.intraOpThreads }),
    ...(settings.interOpThreads === undefined ? {} : { interOpNumThreads: settings.interOpThreads }),
    ...(settings.cpuMemArena === undefined ? {} : { enableCpuMemArena: settings.cpuMemArena }),
    ...(settings.memPattern === undefined ? {} : { enableMemPattern: settings.memPattern }),
    ...(Object.keys(entries).length === 0 ? {} : { extra: { session: entries } }),
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  };
  try {
    return typeof model === 'string'
      ? await ort.InferenceSession.create(model, options)
      : await ort.InferenceSession.create(model.bytes, options);
  } catch (error) {
    throw fromOrt(
      error,
      `loading ${typeof model === 'string' ? model : 'the model'} on ${spec.ep}`,
      failureOf(error),
    );
  }
}

/** ONNX Runtime's configuration entries that begin with `session.`; see its onnxruntime_session_options_config_keys.h. */
function sessionEntries(model: ModelFile, settings: SessionSettings): Record<string, string> {
  const folder = typeof model === 'string' ? undefined : model.dataFolder;
  return {
    ...(settings.prepacking === false ? { disable_prepacking: '1' } : {}),
    ...(folder === undefined ? {} : { model_external_initializers_file_folder_path: folder }),
  };
}

/** The EP itself is at fault where ORT names it or its libraries. */
function failureOf(error: unknown): FailureKind {
  const text = error instanceof Error ? error.message : '';
  return /backend not found|AppendExecutionProvider|shared library|WebGPU adapter|CUDA driver|CUDA failure/i.test(
    text,
  )
    ? 'ep'
    : 'model';
}

export function describeTensors(metadata: readonly InferenceSession.ValueMetadata[]): TensorInfo[] {
  return metadata.map((m) => {
    if (m.isTensor) return { name: m.name, type: m.type, shape: m.shape };
    throw new RunnerError(
      'model',
      `Input "${m.name}" is a sequence, map or optional; only tensors can be fed here.`,
    );
  });
}

/** Names of the outputs that are tensors; sequences and maps cannot be fetched. */
export function tensorOutputs(session: InferenceSession): string[] {
  return session.outputMetadata.filter((m) => m.isTensor).map((m) => m.name);
}

export function toFeeds(ort: Ort, feeds: Readonly<Record<string, HostTensor>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new ort.Tensor(type, data, dims)]),
  );
}

export type Outputs = Readonly<Record<string, Tensor>>;

export async function runSession(
  session: InferenceSession,
  feeds: Record<string, Tensor>,
  fetches: readonly string[],
  what: string,
): Promise<Outputs> {
  try {
    // tensors only, since only they are fetched
    return await session.run(feeds, fetches);
  } catch (error) {
    throw fromOrt(error, what, 'batch');
  }
}
