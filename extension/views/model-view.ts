/** What does not change with the dims: the file as it is. */
import { hasWeightsInBodies } from '../../src/analysis/index.ts';
import { dataTypeName, type DeclaredDim, type Model, type TypeInfo } from '../../src/onnx/index.ts';
import type { ModelView } from '../../src/protocol.ts';
import type { Base } from '../session/base.ts';
import type { Shown } from '../session/shown.ts';
import { localize } from '../l10n/domain-text.ts';

export function modelView(document: Shown): ModelView {
  const { file } = document.snapshot;
  const { model } = file;
  const analysis = file.analysis();
  return {
    fileName: document.fileName,
    fileBytes: file.sizeBytes,
    producer: [model.producerName, model.producerVersion].filter((p) => p !== '').join(' '),
    irVersion: model.irVersion,
    opsets: model.opsetImports.map(({ domain, version }) => ({
      domain: domain === '' ? 'ai.onnx' : domain,
      version,
    })),
    inputs: ioView(model, 'inputs'),
    outputs: ioView(model, 'outputs'),
    metadata: model.metadata,
    weightBytesByType: analysis.weightBytesByType,
    nodeCount: analysis.nodes.length,
    hasWeightsInBodies: hasWeightsInBodies(analysis),
    diagnostics: diagnostics(file),
  };
}

/** What the analysis found, and what the reader found odd in the file. */
function diagnostics(base: Base): ModelView['diagnostics'] {
  const found = base.analysis().diagnostics;
  const known = new Set(found.map((d) => d.message));
  const odd = base.model.warnings.filter((w) => !known.has(w.message));
  return [
    ...found.map(({ severity, code, message, node }) => ({
      severity,
      code,
      message: localize(message),
      node,
    })),
    ...odd.map(({ kind, message, node }) => ({
      severity: 'info' as const,
      code: kind,
      message: localize(message),
      node,
    })),
  ];
}

/** Initializers listed as inputs, as old files do, are no inputs to a person. */
function ioView({ graph }: Model, side: 'inputs' | 'outputs'): ModelView['inputs'] {
  return graph[side]
    .filter((v) => side === 'outputs' || !graph.initializers.has(v.name))
    .map((v) => ({ name: v.name, type: v.type === undefined ? '?' : typeText(v.type) }));
}

/** e.g. `float32 [batch, 1, 28, 28]`, `sequence of int64 [?]` */
function typeText(type: TypeInfo): string {
  switch (type.kind) {
    case 'tensor':
    case 'sparseTensor': {
      const shape = type.shape === undefined ? '' : ` [${type.shape.map(dimText).join(', ')}]`;
      return `${type.kind === 'tensor' ? '' : 'sparse '}${dataTypeName(type.elemType)}${shape}`;
    }
    case 'sequence':
    case 'optional':
      return `${type.kind} of ${type.elem === undefined ? '?' : typeText(type.elem)}`;
    case 'map':
      return `map of ${dataTypeName(type.keyType)} to ${type.value === undefined ? '?' : typeText(type.value)}`;
    case 'other':
      return '?';
  }
}

function dimText(dim: DeclaredDim): string {
  switch (dim.kind) {
    case 'size':
      return String(dim.size);
    case 'symbol':
      return dim.symbol;
    case 'none':
      return '?';
  }
}
